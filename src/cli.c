/* cli.c - thimble's command line: picks the command, reads the options. */
#include "cli.h"

#include <string.h>

static const char USAGE[] =
    "usage: thimble COMMAND [options]\n"
    "\n"
    "  route   --tools FILE [--openai] [--time] \"request\"   calls as JSON\n"
    "  batch   [--numeric fast|exact] [--decisions]         lines {\"id\",\"query\",\"tools\"} in, "
    "answers out\n"
    "  prepare --tools FILE -o FILE                         prepared tools, for route --tools\n"
    "  tokens  \"text\"                                       ids\n"
    "  forward --encoder 2,5,7 --decoder 1,4                states and logits in f32, for parity "
    "checks\n"
    "  bench                                                a table of speeds\n"
    "  inspect                                              what the model file holds\n"
    "\n"
    "options of all commands:\n"
    "  --model DIR       model.safetensors (or needle.safetensors) and vocab.txt; default "
    "models/tiny\n"
    "  --kernels NAME    c, avx2, avx512: a weaker instruction set than the best this machine has\n"
    "  --numeric NAME    fast (INT8 activations, default) or exact (f32)\n"
    "  --grammar NAME    needle1 models: strict (default) or needle1\n"
    "  --min-confidence P  an answer less sure than P (0..1) makes no call; default: the model's\n"
    "                    advice, 0 in batch\n"
    "  --lenient         ignore schema keywords that are not enforced\n"
    "\n"
    "FILE - is standard input. Exit status 0, or 1 with `error CODE: message` on stderr.\n";

typedef struct {
    const char *name;
    int (*run)(const cli_options *);
} command;

static const command COMMANDS[] = {
    {"route", cli_route},     {"batch", cli_batch},     {"prepare", cli_prepare_command},
    {"tokens", cli_tokens},   {"forward", cli_forward}, {"bench", cli_bench},
    {"inspect", cli_inspect},
};

/* The place of a text option's value, or NULL if `name` is none. */
static const char **text_option(cli_options *o, const char *name)
{
    if (!strcmp(name, "--model"))
        return &o->model;
    if (!strcmp(name, "--tools"))
        return &o->tools;
    if (!strcmp(name, "-o") || !strcmp(name, "--output"))
        return &o->output;
    if (!strcmp(name, "--numeric"))
        return &o->numeric;
    if (!strcmp(name, "--kernels"))
        return &o->kernels;
    if (!strcmp(name, "--grammar"))
        return &o->grammar;
    if (!strcmp(name, "--encoder"))
        return &o->encoder;
    if (!strcmp(name, "--decoder"))
        return &o->decoder;
    if (!strcmp(name, "--min-confidence"))
        return &o->min_confidence;
    return NULL;
}

static bool *flag_option(cli_options *o, const char *name)
{
    if (!strcmp(name, "--openai"))
        return &o->openai;
    if (!strcmp(name, "--time"))
        return &o->time;
    if (!strcmp(name, "--decisions"))
        return &o->decisions;
    if (!strcmp(name, "--lenient"))
        return &o->lenient;
    return NULL;
}

static bool read_options(int argc, char **argv, cli_options *o, tb_error *err)
{
    *o = (cli_options){.model = "models/tiny", .numeric = "fast", .grammar = "strict"};
    for (int i = 2; i < argc; i++) {
        const char **text = text_option(o, argv[i]);
        bool *flag = flag_option(o, argv[i]);
        if (text) {
            if (i + 1 == argc)
                return tb_fail(err, TB_E_OPTION, "%s needs a value", argv[i]);
            *text = argv[++i];
        } else if (flag) {
            *flag = true;
        } else if (argv[i][0] == '-' && argv[i][1] == '-') {
            return tb_fail(err, TB_E_OPTION, "there is no option %s; see thimble --help", argv[i]);
        } else if (o->texts == 1) {
            return tb_fail(err, TB_E_OPTION, "one text is taken; put quotes around \"%s %s ...\"",
                           o->text[0], argv[i]);
        } else {
            o->text[o->texts++] = argv[i];
        }
    }
    if (strcmp(o->numeric, "fast") && strcmp(o->numeric, "exact"))
        return tb_fail(err, TB_E_OPTION, "--numeric is fast or exact, not \"%s\"", o->numeric);
    if (strcmp(o->grammar, "strict") && strcmp(o->grammar, "needle1"))
        return tb_fail(err, TB_E_OPTION, "--grammar is strict or needle1, not \"%s\"", o->grammar);
    return true;
}

int main(int argc, char **argv)
{
    if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        fputs(USAGE, argc < 2 ? stderr : stdout);
        return argc < 2;
    }
    tb_error err = {0};
    for (size_t i = 0; i < sizeof COMMANDS / sizeof *COMMANDS; i++) {
        if (strcmp(argv[1], COMMANDS[i].name))
            continue;
        cli_options options;
        if (!read_options(argc, argv, &options, &err))
            return cli_report(&err);
        return COMMANDS[i].run(&options);
    }
    tb_fail(&err, TB_E_OPTION, "there is no command \"%s\"; see thimble --help", argv[1]);
    return cli_report(&err);
}
