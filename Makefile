# Plain use is PGXS's: make && make install && make installcheck.
# The project's own verbs work without PostgreSQL installed (they install it):
#
#	make test	every test, in private servers; the last line is the verdict
#			SUITES="unit regress" selects suites, T=name one test;
#			test-unit, test-regress ... run one suite
#	make mutants	takes the rules out of the sources, one at a time: a test must
#			fail each time; M=name one mutant, TESTS= other tests
#	make soak	storms of random transactions; DURATION=600 SESSIONS= SEED=
#	make histories	random transactions whose histories are judged; DURATION=600
#	make random	random views over random tables; VIEWS=1000 SEED= WORLD=
#	make sqlsmith	SQLsmith beside a storm; DURATION=600 SEED=
#	make lint	format, static checks, layering, strict build
#	make strict	compiles everything with STRICT's warnings as errors
#	make stop-points	a library for tests, with places where to hold a backend
#	make format	rewrites src/ the way lint wants it
#	make coverage	line coverage of the tests, in coverage/
#	make valgrind	a part of the tests under valgrind's memcheck
#	make memory	what long sessions hold, at full length
#	make bench	ratios to native tables, in tmp/bench; SCALE=0.1 ROUNDS=20
#			is quick, CASES="pk_prepared full_scan" selects
#	make bench-check	instruction counts of a handful of paths against those
#			in bench/instructions.txt; RECORD=1 writes that
#	make versions	builds and tests on other versions of PostgreSQL, in chroots;
#			PG="17 18" SUITES="unit regress"
#	make demo	a private server with Debian's package catalogue
#	make demo-stop	ends it

EXTENSION = tview_fdw
MODULE_big = tview_fdw
DATA = $(sort $(wildcard sql/tview_fdw--*.sql))

# what only the build with stop points has (make stop-points)
STOP_SOURCES = $(sort $(wildcard src/*/stop.c))
SOURCES = $(filter-out $(STOP_SOURCES),$(sort $(wildcard src/*.c src/*/*.c)))
OBJS = $(SOURCES:.c=.o)
# -MMD -MP: each object leaves a .d file that names the headers it was made from
PG_CPPFLAGS = -I$(srcdir)/src -MMD -MP
SHLIB_LINK = -llmdb

# pg_regress looks for expected/ below --outputdir (.), then below --inputdir
REGRESS = $(sort $(patsubst test/sql/%.sql,%,$(wildcard test/sql/*.sql)))
REGRESS_OPTS = --inputdir=test --use-existing
ISOLATION = $(sort $(patsubst test/specs/%.spec,%,$(wildcard test/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test --outputdir=. --use-existing
REGRESS_PREP = test-databases

EXTRA_CLEAN = $(OBJS:.o=.d) tmp/strict tmp/stops tmp/test tmp/test.* tmp/mutants tmp/mutants.* tmp/verdict coverage

STRICT_CFLAGS = -isystem $(shell $(PG_CONFIG) --includedir-server) \
	-Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes \
	-Wformat=2 -Wundef -Wvla -Wcast-qual -Wlogical-op -Werror \
	-Wno-unused-parameter -Wno-missing-field-initializers -Wno-clobbered
ifeq ($(STRICT),1)
# a directory given with -isystem counts as a system directory although PGXS
# also names it with -I: PostgreSQL's headers are not judged
PG_CFLAGS += $(STRICT_CFLAGS)
endif
ifeq ($(COVERAGE),1)
PG_CFLAGS += --coverage -O0
SHLIB_LINK += --coverage
endif

# Bitcode serves JIT inlining of SQL-callable functions; there are none here
# that are worth it, and it would need the very clang PostgreSQL was built with.
override with_llvm = no

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)

all:

ifneq ($(wildcard $(PGXS)),)
include $(PGXS)
# calls within the library go straight there, and not by a table of addresses
LDFLAGS_SL += -Wl,-Bsymbolic-functions
-include $(OBJS:.o=.d)
else
all install installcheck:
	@echo "$(PG_CONFIG) not found: install PostgreSQL's server headers (ci/install-deps build)" >&2
	@exit 1

clean:
	rm -rf $(OBJS) $(EXTRA_CLEAN)
endif

# (the demo's server has its own verb, demo-stop)
clean: clean-unit

clean-unit:
	@if [ -f test/unit/Makefile ]; then $(MAKE) -s -C test/unit clean 2>/dev/null || true; fi

# the strict build has objects of its own
STRICT_OBJS = $(SOURCES:src/%.c=tmp/strict/%.o)

strict: $(STRICT_OBJS) stop-points

tmp/strict/%.o: src/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(STRICT_CFLAGS) $(CPPFLAGS) -fPIC -c -o $@ $<

-include $(STRICT_OBJS:.o=.d)

# the benchmark's client knows libpq only
strict-bench:
	$(CC) $(CFLAGS) $(STRICT_CFLAGS) -I$(shell $(PG_CONFIG) --includedir) -fsyntax-only bench/*.c

# so has the build with stop points, which the tests of suite stops use; its
# functions can be stood before (test/t/fault.c), which PGXS rules out since 16
STOP_OBJS = $(SOURCES:src/%.c=tmp/stops/%.o) $(STOP_SOURCES:src/%.c=tmp/stops/%.o)

stop-points: tmp/stops/tview_fdw.so

tmp/stops/%.o: src/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(STRICT_CFLAGS) $(CPPFLAGS) -DTVIEW_STOP_POINTS -fvisibility=default -fPIC -c -o $@ $<

tmp/stops/tview_fdw.so: $(STOP_OBJS)
	$(CC) $(CFLAGS) -shared -o $@ $^ $(LDFLAGS) $(SHLIB_LINK)

-include $(STOP_OBJS:.o=.d)

# for installcheck, whose sessions have settings of their own
test-databases:
	@ci/test-databases $(CONTRIB_TESTDB) $(ISOLATION_TESTDB)

test:
	@ci/test $(SUITES)

test-%:
	@ci/test $*

mutants:
	@ci/mutants $(M)

soak:
	@ci/soak

histories:
	@ci/histories

random:
	@ci/random

sqlsmith:
	@ci/sqlsmith

lint:
	@ci/lint

format:
	@ci/format

coverage:
	@ci/coverage

valgrind:
	@ci/valgrind

memory:
	@LONG=1 FILE_LIMIT=7200 T=031_long_session ci/test tap

bench:
	@bench/run

bench-check:
	@bench/check

versions:
	@ci/versions

demo:
	@examples/debian/demo

demo-stop:
	@examples/debian/demo-stop

export PG_CONFIG T MAKE DURATION SESSIONS SEED TESTS JOBS CONTROL
export VIEWS WORLD FAILURES
export PG SUITES MIRROR
export CASES SCALE ROUNDS LIMIT BIG SYNC PARALLEL SLICE PIN KEEP RECORD

.PHONY: clean clean-unit strict strict-bench stop-points test-databases test mutants soak histories random sqlsmith lint format coverage valgrind memory bench bench-check versions demo demo-stop
