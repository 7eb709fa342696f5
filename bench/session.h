/*
 * session.h
 *		A connection to the server for one variant, and one execution of the
 *		variant's statements on it.
 */
#ifndef BENCH_SESSION_H
#define BENCH_SESSION_H

#include "spec.h"

#include <libpq-fe.h>
#include <stdint.h>

/* buckets of a latency histogram: sixteen to each power of two nanoseconds */
#define HISTOGRAM_SIZE (64 * 16)

/* What an execution has returned, to be compared and to have been read. */
typedef struct Answer
{
	uint64_t rows;
	uint64_t bytes;
	uint64_t hash; /* only where it is asked for */
} Answer;

typedef struct Session
{
	const Spec *spec;
	const Variant *variant;
	PGresult *keys; /* shared by all sessions; NULL without keys */
	PGconn *connection;
	bool companion;	 /* runs the variant's companion */
	uint64_t random; /* state of the generator */
	uint64_t number; /* of the next PARAM_TEXT */
	uint64_t stride;
	const char *values[MAX_PARAMS];
	char space[MAX_PARAMS][64]; /* where those are that are made */
	/* of the slice that is running */
	uint64_t count;
	uint64_t nanoseconds;
	uint64_t processor; /* nanoseconds of the backend */
	/* of the whole case */
	Answer total;
	uint64_t total_count;
	uint64_t histogram[HISTOGRAM_SIZE];
} Session;

extern uint64_t session_clock(void);
/* Nanoseconds that the session's backend has run, in all. */
extern uint64_t session_processor(const Session *session);
extern void session_open(Session *session);
extern void session_draw(Session *session);
extern uint64_t session_run(Session *session, Answer *answer, bool hashed);
extern void session_execute(Session *session, const char *text);
extern uint64_t session_percentile(const uint64_t *histogram, double share);

#endif /* BENCH_SESSION_H */
