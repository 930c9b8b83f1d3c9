/* pool.h - worker threads that share out numbered jobs. */
#ifndef THIMBLE_POOL_H
#define THIMBLE_POOL_H

typedef struct Pool Pool;
typedef void (*PoolJob)(void *context, int worker, int index);

/* threads >= 1; the calling thread is worker 0. */
Pool *pool_make(int threads);
int pool_threads(const Pool *p);
/* Runs job(context, worker, index) once for each index 0..count-1, handed out in order; returns
 * when all are done. */
void pool_run(Pool *p, PoolJob job, void *context, int count);

#endif
