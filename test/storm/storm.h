/*
 * storm.h
 *		What the storm's files share: views, sessions, options, statements.
 *
 * storm.c begins and ends it and runs transactions; session.c sends statements
 * and reports; reads.c and cursors.c compare; writes.c, ddl.c and twophase.c
 * change; watch.c looks on.  Everything is called by a session's own thread,
 * but for watch.c, which has a thread and a connection of its own.
 */
#ifndef STORM_H
#define STORM_H

#include <libpq-fe.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define SQL_MAX		8192
#define HISTORY		40
#define SESSIONS_MAX 400
/* longer than it takes to find a deadlock */
#define LOCK_TIMEOUT_MS	(options.ddl ? 150 : 500)

/* ---- what is read ---- */

/* Keys are 1..n. */
enum
{
	COMPANIES = 8, USERS = 20, POSTS = 60, COMMENTS = 150, TAGS = 10, EVENTS = 60
};

/* A view: its key's domain, and columns that the store may be asked for. */
typedef struct View
{
	const char *name;
	int			domain;			/* keys are 1..domain */
	int			id_kind;		/* first argument of uid() */
	int			id_domain;
	const char *fks[4];			/* integer columns with their domains */
	int			fk_domains[4];
	const char *oracle;			/* schema of the view to compare with */
} View;

extern const View views[];
extern const int nviews;
extern const char *const schemas[2];

#define NVIEWS_MAX 24

/* ---- sessions ---- */

typedef struct Entry
{
	double		at;
	double		took;
	char		text[700];
	char		result[90];
} Entry;

typedef struct Session
{
	int			id;
	pthread_t	thread;
	PGconn	   *conn;
	uint64_t	random;
	bool		in_transaction;
	bool		serializable;
	bool		read_only;
	int			savepoints;
	Entry		history[HISTORY];
	int			nhistory;
	uint64_t	prepared[2][NVIEWS_MAX];	/* bits: PREPARE has been sent */
	bool		ended;
	int			pid;
} Session;

typedef struct Options
{
	const char *database;
	int			sessions;
	double		duration;
	long		steps;
	uint64_t	seed;
	bool		serial;
	bool		ddl;
	bool		control;		/* tv_* are plain views: what errors are there anyway? */
	int			terminate;		/* a backend every so many milliseconds */
	int			crash;			/* likewise, with SIGKILL: the server restarts */
	bool		keep_going;
	const char *trace;
} Options;

/* What a statement is: that decides which errors are the schema's own. */
typedef enum Kind
{
	READ, WRITE, DDL
} Kind;

extern Options options;
extern Session sessions[SESSIONS_MAX];
extern volatile bool stop;
extern volatile bool failed;
extern double started;
extern long compared[2][NVIEWS_MAX];
extern long other_compared;		/* joins, cursors, reads in triggers' statements */
extern long statements, commits, rollbacks, prepares, expected_errors, doubled_keys, ended_backends;
extern long held_cursors, scrolled_cursors, ddl_done;
extern long detachings;			/* DETACH CONCURRENTLY, FINALIZE: odd while one runs */
extern long old_plans;			/* reads that has_old_plan() has excused */
extern long slowest_read_us;
extern char slowest_read[600];

#define COUNT(x) __atomic_fetch_add(&(x), 1, __ATOMIC_RELAXED)

/* ---- session.c ---- */

extern double now(void);
extern int	pick(Session *s, int n);	/* 1..n */
extern bool chance(Session *s, int percent);

/* Turns: --serial lets one session run at a time. */
extern void turns_begin(void);
extern void take_turn(Session *s);
extern void pass_turn(void);
extern void trace_to(const char *path);

extern void connect_session(Session *s);

/* Runs a statement without its turn and without looking at its result. */
extern PGresult *run_raw(Session *s, const char *sql);

/* Runs a statement in its turn; NULL after an error, from which it has recovered. */
extern PGresult *run_kind(Session *s, const char *sql, Kind kind);

/* Runs several statements in one message, again; true when one returned rows. */
extern bool differs_again(Session *s, const char *sql);

/*
 * Runs several statements that return nothing unless there is a difference, in
 * one message; counts them, and returns the first that returned something.
 */
extern PGresult *run_several(Session *s, const char *sql, long *count);

/* Runs a write; false after an error. */
extern bool run(Session *s, const char *format,...) __attribute__((format(printf, 2, 3)));
extern bool run_ddl(Session *s, const char *format,...) __attribute__((format(printf, 2, 3)));

extern void print_query(PGconn *conn, const char *title, const char *sql);
extern void print_errors(void);

/* Prints everything and stops the storm; sql may be run again to look closer. */
extern void report(Session *s, const char *what, const char *sql, PGresult *result);

/* ---- reads.c, cursors.c ---- */

extern void compare_sql(char *sql, size_t size, const View *v, const char *schema, const char *columns, const char *rest);
extern bool compare(Session *s, const View *v, const char *sql, long *count);
extern void report_difference(Session *s, const char *what, const char *sql, PGresult *result);
extern void random_condition(Session *s, const View *v, char *rest, size_t size);
extern int	random_view(Session *s);	/* an index into views */
extern void read_condition(Session *s);
extern void read_something(Session *s);
extern void read_cursor(Session *s);
extern void read_held_cursor(Session *s);

/* ---- writes.c, ddl.c, twophase.c ---- */

extern void write_something(Session *s);
extern void truncate_and_refill(Session *s);
extern void build_over_own_writes(Session *s);
extern void change_definition(Session *s);
extern void prepare_transaction(Session *s);
extern void end_prepared(Session *s, bool all);

/* ---- watch.c ---- */

extern bool is_over(void);
extern void *watch(void *arg);
extern void print_waits(void);

/* True when a deadlock's report names a TVIEW or a table of ours. */
extern bool deadlock_is_ours(const char *detail);

#endif							/* STORM_H */
