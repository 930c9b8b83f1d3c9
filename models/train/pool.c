/* pool.c - see pool.h. */
#define _GNU_SOURCE
#include "pool.h"

#include <pthread.h>
#include <stdatomic.h>

#include "gemm.h"
#include "util.h"

struct Pool {
    int threads, count;
    PoolJob job;
    void *context;
    atomic_int next;
    pthread_barrier_t barrier;
};

typedef struct {
    Pool *pool;
    int worker;
} Start;

static void work(Pool *p, int worker) {
    for (;;) {
        int i = atomic_fetch_add(&p->next, 1);
        if (i >= p->count)
            return;
        p->job(p->context, worker, i);
    }
}

/* Workers live as long as the process. */
static void *run(void *argument) {
    Start s = *(Start *)argument;
    gemm_thread_init();
    for (;;) {
        pthread_barrier_wait(&s.pool->barrier);
        work(s.pool, s.worker);
        pthread_barrier_wait(&s.pool->barrier);
    }
    return NULL;
}

Pool *pool_make(int threads) {
    Pool *p = get_memory(sizeof *p);
    *p = (Pool){.threads = threads};
    gemm_thread_init();
    if (pthread_barrier_init(&p->barrier, NULL, (unsigned)threads))
        fail("cannot make a barrier");
    for (int i = 1; i < threads; i++) {
        Start *s = get_memory(sizeof *s);
        *s = (Start){p, i};
        pthread_t t;
        if (pthread_create(&t, NULL, run, s))
            fail("cannot start thread %d", i);
    }
    return p;
}

int pool_threads(const Pool *p) {
    return p->threads;
}

void pool_run(Pool *p, PoolJob job, void *context, int count) {
    p->job = job;
    p->context = context;
    p->count = count;
    atomic_store(&p->next, 0);
    if (p->threads > 1)
        pthread_barrier_wait(&p->barrier);
    work(p, 0);
    if (p->threads > 1)
        pthread_barrier_wait(&p->barrier);
}
