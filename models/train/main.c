/* main.c - thimble-train: command line, schedule and training loop. `thimble-train --help` is the
 * manual. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "checkpoint.h"
#include "gemm.h"
#include "safetensors.h"

static const char USAGE[] =
    "usage: thimble-train --init FILE --data FILE... --out FILE --examples N [options]\n"
    "       thimble-train --resume   --data FILE... --out FILE --examples N [options]\n"
    "  --init FILE         weights to begin with: SafeTensors, F32 or F16, sizes in the metadata "
    "(FORMAT.md 4)\n"
    "  --resume            go on from OUT.opt: same step, schedule and place in the data. With "
    "other data than before\n"
    "                      (files added), a new epoch over all of them begins\n"
    "  --data FILE...      packed training data (FORMAT.md 6)\n"
    "  --dev FILE          packed data to evaluate on, teacher-forced\n"
    "  --dev-every N|Nm    evaluate every N steps or N minutes (3m)\n"
    "  --dev-groups N      only the first N groups of it (all)\n"
    "  --out FILE          weights; FILE.opt is written next to it\n"
    "  --save-seconds S    how often (60)\n"
    "  --examples N        queries to train on in all: length of the schedule and end of the run\n"
    "  --batch N           queries per step (400)\n"
    "  --lr X              AdamW learning rate, for norms, gates, vectors (0.002)\n"
    "  --embedding-lr X    AdamW learning rate of the embedding (0.0007)\n"
    "  --embedding-anchor FILE  pull the embedding towards that of this SafeTensors file: the start's, or train.widen's\n"
    "  --embedding-pull X  part of the way there at every step (0.0005)\n"
    "  --token-drop F      part of the words of every other query read as <unk> while training "
    "(0.15)\n"
    "  --synonyms FILE     token ids and their synonyms (python3 -m data.synonyms --ids FILE)\n"
    "  --swap F            part of the words with synonyms replaced, in every other query and tool (0.25)\n"
    "  --dropout F         part of what attention hands on set to 0 while training (0)\n"
    "  --muon-lr X         Muon learning rate, for matrices (0.02)\n"
    "  --weight-decay X    of matrices, times the learning rate (0.01)\n"
    "  --clip X            largest gradient norm (1); 0: any\n"
    "  --match X           weight of finding tools among those of other groups, unseen, for long lists (1); 0: not trained\n"
    "  --z-loss X          weight of the squared logsumexp (0)\n"
    "  --warmup F          part of the schedule with rising rate (0.02)\n"
    "  --decay F           part of the schedule, at its end, with rate falling to 0 (0.4)\n"
    "  --qat-from F        part of the schedule after which weights are seen as quantised (0.7); "
    "1: never\n"
    "  --threads N         (2)   --seed N (1)   --nice N (0)   --log-seconds S (20)\n"
    "  --unit ROWS         tokens worked on at a time by a thread (1536)\n"
    "  --dump-scores FILE  forward only: f32 scores of all allowed positions of the first "
    "--dump-groups N (8) groups\n";

typedef struct {
    const char *init, *dev, *out, *dump, *synonyms, *anchor;
    const char **data;
    int data_count;
    bool resume;
    long dev_steps, dev_groups, dump_groups, examples, batch, threads, seed, nice, unit;
    double dev_minutes, save_seconds, log_seconds, lr, muon_lr, weight_decay, clip, z_loss, warmup,
        decay, qat_from, embedding_lr, token_drop, swap, dropout, match, pull;
} Options;

static long integer(const char *option, const char *text, long low, long high) {
    char *end;
    errno = 0;
    long v = strtol(text, &end, 10);
    if (errno || end == text || *end || v < low || v > high)
        fail("%s takes an integer in %ld..%ld, not \"%s\"", option, low, high, text);
    return v;
}

static double fraction(const char *option, const char *text, double high) {
    char *end;
    double v = strtod(text, &end);
    if (end == text || *end || !(v >= 0 && v <= high))
        fail("%s takes a number in 0..%g, not \"%s\"", option, high, text);
    return v;
}

static void parse_dev_every(Options *o, char *text) {
    size_t n = strlen(text);
    bool minutes = n && text[n - 1] == 'm';
    if (minutes)
        text[n - 1] = 0;
    o->dev_minutes = minutes ? fraction("--dev-every", text, 1e6) : 0;
    o->dev_steps = minutes ? 0 : integer("--dev-every", text, 1, 1L << 40);
}

/* Options with one number: true if `name` was one of them. */
static bool parse_number(Options *o, const char *name, const char *value) {
    const struct {
        const char *name;
        double *to;
        double high;
    } reals[] = {{"--save-seconds", &o->save_seconds, 1e9},
                 {"--log-seconds", &o->log_seconds, 1e9},
                 {"--lr", &o->lr, 10},
                 {"--muon-lr", &o->muon_lr, 10},
                 {"--weight-decay", &o->weight_decay, 10},
                 {"--clip", &o->clip, 1e9},
                 {"--z-loss", &o->z_loss, 1},
                 {"--warmup", &o->warmup, 1},
                 {"--decay", &o->decay, 1},
                 {"--qat-from", &o->qat_from, 1},
                 {"--embedding-lr", &o->embedding_lr, 10},
                 {"--token-drop", &o->token_drop, 1},
                 {"--swap", &o->swap, 1},
                 {"--embedding-pull", &o->pull, 1},
                 {"--match", &o->match, 100},
                 {"--dropout", &o->dropout, 0.9}};
    const struct {
        const char *name;
        long *to, low, high;
    } integers[] = {{"--dev-groups", &o->dev_groups, 0, 1L << 40},
                    {"--dump-groups", &o->dump_groups, 1, 1L << 20},
                    {"--examples", &o->examples, 1, 1L << 50},
                    {"--batch", &o->batch, 1, 1 << 20},
                    {"--threads", &o->threads, 1, 256},
                    {"--seed", &o->seed, 0, 1L << 50},
                    {"--nice", &o->nice, 0, 19},
                    {"--unit", &o->unit, 1, 1 << 20}};
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
        if (!strcmp(name, reals[i].name)) {
            *reals[i].to = fraction(name, value, reals[i].high);
            return true;
        }
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++)
        if (!strcmp(name, integers[i].name)) {
            *integers[i].to = integer(name, value, integers[i].low, integers[i].high);
            return true;
        }
    return false;
}

static Options parse(int count, char **arguments) {
    Options o = {.data = get_memory((size_t)count * sizeof(char *)),
                 .dev_minutes = 3,
                 .save_seconds = 60,
                 .log_seconds = 20,
                 .batch = 400,
                 .lr = 0.002,
                 .embedding_lr = 0.0007,
                 .token_drop = 0.15,
                 .swap = 0.25,
                 .match = 1,
                 .pull = 0.0005,
                 .muon_lr = 0.02,
                 .weight_decay = 0.01,
                 .clip = 1,
                 .warmup = 0.02,
                 .decay = 0.4,
                 .qat_from = 0.7,
                 .threads = 2,
                 .seed = 1,
                 .unit = 1536,
                 .dump_groups = 8};
    for (int i = 1; i < count; i++) {
        const char *a = arguments[i];
        if (!strcmp(a, "--help")) {
            fputs(USAGE, stdout);
            exit(0);
        }
        if (!strcmp(a, "--resume")) {
            o.resume = true;
            continue;
        }
        if (i + 1 >= count)
            fail("%s: unknown option, or its value is missing (--help lists them)", a);
        char *value = arguments[++i];
        if (!strcmp(a, "--data")) {
            for (; i < count && strncmp(arguments[i], "--", 2); i++)
                o.data[o.data_count++] = arguments[i];
            i--;
        } else if (!strcmp(a, "--init")) {
            o.init = value;
        } else if (!strcmp(a, "--dev")) {
            o.dev = value;
        } else if (!strcmp(a, "--out")) {
            o.out = value;
        } else if (!strcmp(a, "--synonyms")) {
            o.synonyms = value;
        } else if (!strcmp(a, "--embedding-anchor")) {
            o.anchor = value;
        } else if (!strcmp(a, "--dump-scores")) {
            o.dump = value;
        } else if (!strcmp(a, "--dev-every")) {
            parse_dev_every(&o, value);
        } else if (!parse_number(&o, a, value)) {
            fail("unknown option %s (--help lists them)", a);
        }
    }
    if (!o.data_count)
        fail("--data is missing (--help lists the options)");
    if (o.resume ? !o.out || o.init : !o.init)
        fail("give either --init FILE, or --resume with --out FILE");
    if (!o.dump && !o.examples)
        fail("--examples is missing: it sets the schedule and the end");
    return o;
}

static volatile sig_atomic_t stop_requested; /* set by the signal handler */

static void request_stop(int signal_number) {
    (void)signal_number;
    stop_requested = 1;
}

/* Learning-rate factor at a part 0..1 of the schedule: linear rise, flat, linear fall to 0. */
static double schedule(const Options *o, double part) {
    double up = o->warmup > 0 ? part / o->warmup : 1,
           down = o->decay > 0 ? (1 - part) / o->decay : 1, f = up < down ? up : down;
    return f < 0 ? 0 : f > 1 ? 1 : f;
}

static void dump_scores(const Options *o, Trainer *t, const Dataset *data) {
    FILE *f = fopen(o->dump, "wb");
    if (!f)
        fail("cannot write %s", o->dump);
    Tally sum = {0};
    for (size_t i = 0; i < data->count && i < (size_t)o->dump_groups;
         i += 3) { /* three at a time, so that units of several groups are covered */
        const Group *g[3];
        int n = 0;
        while (n < 3 && i + (size_t)n < data->count && i + (size_t)n < (size_t)o->dump_groups) {
            g[n] = &data->groups[i + (size_t)n];
            n++;
        }
        PassOptions p = {.dump = f};
        Tally y = network_pass(t->model, &t->arenas[0], g, n, &p);
        tally_add(&sum, &y);
    }
    if (fclose(f))
        fail("cannot write %s", o->dump);
    printf("loss %.6f decisions %ld right %ld\n", sum.loss / sum.weight, sum.decisions, sum.right);
}

static double ratio(double a, double b) {
    return b > 0 ? a / b : 0;
}

static void evaluate(Trainer *t, const Dataset *dev) {
    const Group **g = get_memory(dev->count * sizeof *g);
    for (size_t i = 0; i < dev->count; i++)
        g[i] = &dev->groups[i];
    double start = now();
    Tally y = trainer_evaluate(t, g, (int)dev->count);
    printf("dev   step %ld loss %.4f decisions %.4f (n %ld) queries %.4f (n %ld) match %.4f (n %ld) %.1f s%s\n",
           t->step, ratio(y.loss, y.weight), ratio((double)y.right, (double)y.decisions),
           y.decisions, ratio((double)y.whole, (double)y.queries), y.queries,
           ratio((double)y.match_right, (double)y.matches), y.matches, now() - start,
           t->quantise ? " qat" : "");
    free(g);
}

/* What has gathered since the last log line. */
typedef struct {
    Tally tally;
    double start, norm, top_norm;
    long steps;
} Interval;

static void log_line(const Options *o, const Trainer *t, const Progress *p, Interval *v,
                     double factor) {
    double seconds = now() - v->start;
    printf("train step %ld examples %ld loss %.4f decisions %.4f queries %.4f match %.4f | %.0f ex/s | lr "
           "%.3f norm %.2f max %.2f | %.1f%% epoch %ld%s\n",
           t->step, p->examples, ratio(v->tally.loss, v->tally.weight),
           ratio((double)v->tally.right, (double)v->tally.decisions),
           ratio((double)v->tally.whole, (double)v->tally.queries),
           ratio((double)v->tally.match_right, (double)v->tally.matches),
           (double)v->tally.examples / seconds, factor, v->norm / (double)v->steps, v->top_norm,
           100 * (double)p->examples / (double)o->examples, p->epoch, t->quantise ? " qat" : "");
    *v = (Interval){.start = now()};
}

static void train(const Options *o, Trainer *t, Progress *p, const Dataset *data,
                  const Dataset *dev) {
    Visits visits;
    bool same = p->groups == data->count;
    if (o->resume && !same)
        printf("note: the data have %zu groups, before %zu: a new epoch begins\n", data->count,
               p->groups);
    visits_start(&visits, data, p->seed, o->resume && !same ? p->epoch + 1 : p->epoch,
                 same ? p->next : 0);
    p->groups = data->count;
    const Group **batch = get_memory((size_t)o->batch * sizeof *batch);
    Interval interval = {.start = now()};
    double saved = now(), dev_time = now(), factor = 0;
    int bad = 0;
    while (p->examples < o->examples && !stop_requested) {
        double part = (double)p->examples / (double)o->examples;
        if (!t->quantise && o->qat_from < 1 && part >= o->qat_from) {
            trainer_refresh(t, true);
            printf("note: quantisation-aware from step %ld on\n", t->step);
        }
        int count = 0;
        for (long queries = 0; queries < o->batch; count++) {
            batch[count] = visits_next(&visits, data);
            queries += batch[count]->queries;
        }
        Tally y = trainer_gradient(t, batch, count);
        p->examples += y.examples;
        p->epoch = visits.epoch;
        p->next = visits.next;
        double norm = trainer_norm(t);
        if (norm < 0 || y.weight <= 0) {
            fprintf(stderr, "warning: step %ld skipped: %s\n", t->step,
                    norm < 0 ? "the gradient is not finite" : "no decision to train on");
            trainer_drop(t);
            if (++bad > 20)
                fail("20 steps skipped in a row");
            continue;
        }
        bad = 0;
        /* the middle of the batch, so that the first rate is not 0 */
        factor = schedule(o, ((double)p->examples - (double)y.examples / 2) / (double)o->examples);
        trainer_step(t, norm, factor);
        tally_add(&interval.tally, &y);
        interval.norm += norm;
        interval.steps++;
        if (norm > interval.top_norm)
            interval.top_norm = norm;

        if (now() - interval.start >= o->log_seconds)
            log_line(o, t, p, &interval, factor);
        if (o->out && now() - saved >= o->save_seconds) {
            checkpoint_save(o->out, t, p);
            saved = now();
        }
        if (o->dev && (o->dev_steps ? t->step % o->dev_steps == 0
                                    : now() - dev_time >= 60 * o->dev_minutes)) {
            double start = now();
            evaluate(t, dev);
            dev_time = now();
            interval.start += dev_time - start;
        }
    }
    if (interval.steps)
        log_line(o, t, p, &interval, factor);
    if (o->out) {
        checkpoint_save(o->out, t, p);
        printf("saved %s at step %ld%s\n", o->out, t->step,
               stop_requested ? ", stopped by a signal; --resume goes on" : "");
    }
    if (o->dev && !stop_requested)
        evaluate(t, dev);
}

static const real *read_anchor(const char *path, const Model *m) {
    const Tensor *e = &m->tensors[m->embedding];
    real *anchor = get_memory(e->count * sizeof *anchor);
    SafeTensors *s = safetensors_open(path);
    safetensors_read(s, e->name, anchor, e->count);
    safetensors_close(s);
    return anchor;
}

int main(int count, char **arguments) {
    Options o = parse(count, arguments);
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (o.nice && nice((int)o.nice) == -1 && errno)
        fprintf(stderr, "warning: nice %ld refused\n", o.nice);
    if (!gemm_init())
        fail("the system refuses AMX; build with `make NO_AMX=1`");
    Model model;
    Progress progress;
    if (o.resume)
        checkpoint_load_model_to_resume(o.out, &model, &progress);
    else
        checkpoint_load(o.init, &model, &progress);
    if (!o.resume)
        progress.seed = (uint64_t)o.seed;
    Dataset data = {0}, dev = {0};
    for (int i = 0; i < o.data_count; i++)
        data_add(&data, o.data[i], model.config.vocab, 0);
    if (o.dev)
        data_add(&dev, o.dev, model.config.vocab, (size_t)o.dev_groups);

    Synonyms synonyms = {0};
    if (o.synonyms)
        synonyms = synonyms_read(o.synonyms, model.config.vocab);
    Trainer trainer;
    trainer_make(&trainer, &model, (int)o.threads,
                 (Settings){.adam_rate = o.lr,
                            .muon_rate = o.muon_lr,
                            .weight_decay = o.weight_decay,
                            .clip = o.clip,
                            .z_loss = o.z_loss,
                            .match_weight = o.match,
                            .embedding_rate = o.embedding_lr,
                            .embedding_pull = o.pull,
                            .anchor = o.anchor ? read_anchor(o.anchor, &model) : NULL,
                            .noise = {.dropout = o.dropout, .drop = o.token_drop, .swap = o.swap, .synonyms = o.synonyms ? &synonyms : NULL},
                            .unit_rows = (int)o.unit});
    if (o.resume)
        checkpoint_resume(o.out, &trainer);
    if (o.qat_from <= 0)
        trainer_refresh(&trainer, true);
    if (o.dump) {
        dump_scores(&o, &trainer, &data);
        return 0;
    }
    const Config *c = &model.config;
    printf("%s: vocab %d d %d heads %d/%d layers %d+%d, %zu weights; %zu groups, %ld queries; %ld "
           "threads, %s\n",
           progress.name, c->vocab, c->d, c->heads, c->kv_heads, c->encoder_layers,
           c->decoder_layers, model.size, data.count, data.queries, o.threads, gemm_name());
    signal(SIGTERM, request_stop);
    signal(SIGINT, request_stop);
    train(&o, &trainer, &progress, &data, &dev);
    return 0;
}
