# shellcheck shell=bash
# Sourced by ci/test: how each suite is run and counted.  A suite adds one line
# per test to $results: "ok<TAB>suite/name" or "not ok<TAB>suite/name".  A
# suite without tests passes with none; a failure never ends the script.
# shellcheck disable=SC2034,SC2154  # shared with common.sh and ci/test

all_suites=(unit model regress isolation stops pgtap tap storm history random)

# A hanging test fails instead of holding up everybody.
readonly suite_limit=${SUITE_LIMIT:-600} file_limit=${FILE_LIMIT:-420}

count_results()
{
	grep -c "^$1	" "$results" || true
}

# record ok|"not ok" SUITE/NAME
record()
{
	printf '%s\t%s\n' "$1" "$2" >>"$results"
}

# Shows the head of a file, indented.
show_head()
{
	head -n "${2:-40}" "$1" | sed -e 's/^/   | /'
}

# record_tap SUITE/FILE LOG STATUS: each assertion counts; a program that fails
# without a failed assertion (a crash, a plan that was not kept) counts as one
# failure, one that succeeds without any assertion as one success.
record_tap()
{
	local name=$1 log=$2 status=$3 line passed=0 failed=0
	while IFS= read -r line; do
		if [[ $line =~ ^not\ ok && ! $line =~ \#\ *(TODO|SKIP) ]]; then
			record "not ok" "$name: $line"
			failed=$((failed + 1))
		elif [[ $line =~ ^(not\ )?ok && ! $line =~ \#\ *SKIP ]]; then
			record ok "$name: $line"
			passed=$((passed + 1))
		fi
	done <"$log"
	if [ "$status" != 0 ] && [ "$failed" = 0 ]; then
		record "not ok" "$name: ended with status $status"
		failed=1
	elif [ "$passed$failed" = 00 ]; then
		record ok "$name"
	fi
	if [ "$failed" != 0 ]; then
		say "   $name:"
		grep -vE '^ok ' "$log" | tail -n 60 >"$log.short" || true
		show_head "$log.short" 60
	fi
}

# The tests of a directory that T selects, as file names.
select_tests()
{
	local dir=$1 ext=$2 file
	for file in "$dir"/*."$ext"; do
		[ -e "$file" ] || continue
		if [ -z "${T:-}" ] || [ "$(basename "$file" ".$ext")" = "$T" ]; then
			printf '%s\n' "$file"
		fi
	done
}

# Starts the server that the SQL suites share, once.
shared_server()
{
	local server=$work/${server_name:-server}
	if [ ! -d "$server" ]; then
		server_create "$server"
		# speed: nothing here outlives the run
		cat >>"$server/data/postgresql.conf" <<-EOF
			fsync = off
			full_page_writes = off
			max_connections = 60
			$(ci/regress-settings)
			${server_settings:-}
		EOF
		server_start "$server"
	fi
	# another suite's server may have been started since
	PGHOST=$(cat "$server/socket")
}

# A second installation, whose library has stop points, made once; its programs
# are in $stops_bin.
stops_installation()
{
	local pg_bin
	if [ -z "${stops_bin:-}" ]; then
		build_stop_points
		make_prefix "$work/stops-prefix"
		cp tmp/stops/tview_fdw.so "$work/stops-prefix$("$PG_CONFIG" --pkglibdir)"
		stops_bin=$pg_bin
	fi
}

# run_logged SUITE COMMAND...: runs it and counts the assertions it prints.
run_logged()
{
	local suite=$1 status=0
	shift
	timeout "$suite_limit" "$@" >"$work/$suite.log" 2>&1 </dev/null || status=$?
	record_tap "$suite" "$work/$suite.log" "$status"
}

# T names a program: log for log_test.c.
suite_unit()
{
	if [ -f test/unit/Makefile ] && [ -e "test/unit/${T:+${T}_test.c}" ]; then
		run_logged unit make --no-print-directory -C test/unit check
	fi
}

# The model has a runner of its own, or is one program with seeds as arguments.
suite_model()
{
	if [ -n "${T:-}" ]; then
		return
	elif [ -f test/model/Makefile ]; then
		run_logged model make --no-print-directory -C test/model check
	elif [ -x test/model/check ]; then
		run_logged model test/model/check
	elif [ -f test/model/model.py ]; then
		run_logged model python3 -B test/model/model.py 0 150
	fi
}

# suite_pg_regress PROGRAM SUITE DIR EXT: one result per test file.
suite_pg_regress()
{
	local program=$1 suite=$2 dir=$3 ext=$4 out=$work/$2 tests line
	mapfile -t tests < <(select_tests "$dir" "$ext" | sed "s|.*/||; s|\.$ext\$||")
	[ ${#tests[@]} -gt 0 ] || return 0
	shared_server
	mkdir -p "$out/expected"
	# the first missing file would end pg_regress: an empty one fails its test
	for line in "${tests[@]}"; do
		[ -e "expected/$line.out" ] || : >"$out/expected/$line.out"
	done
	[ ! -d expected ] || ln -sf "$top"/expected/* "$out/expected"
	[ "$ext" != spec ] || ln -sfn "$top/$dir" "$out/specs"
	PGISOLATIONTIMEOUT=60 timeout "$suite_limit" \
		"$pgxs_test/$program" --inputdir=test --outputdir="$out" \
		--bindir="$pg_bin" --host="$PGHOST" --user=postgres \
		--dbname="tview_$suite" "${tests[@]}" \
		>"$out/log" 2>&1 </dev/null || true
	for line in "${tests[@]}"; do
		# (since PostgreSQL 16 it speaks TAP)
		if grep -qE "^(test|    ) +$line +\.\.\. ok|^ok [0-9]+ +[-+] $line " "$out/log"; then
			record ok "$suite/$line"
		else
			record "not ok" "$suite/$line"
			say "   $suite/$line:"
			show_diff "$out" "$line"
		fi
	done
	grep -qE '\.\.\. |^(not )?ok ' "$out/log" || show_head "$out/log"
}

# The head of one test's part of regression.diffs.
show_diff()
{
	local out=$1 name=$2
	[ -f "$out/regression.diffs" ] || return 0
	awk -v want="/results/$name.out" \
		'/^diff / { on = (substr($NF, length($NF) - length(want) + 1) == want) } on' \
		"$out/regression.diffs" >"$out/$name.diff"
	show_head "$out/$name.diff" 60
}

suite_regress()
{
	suite_pg_regress regress/pg_regress regress test/sql sql
}

suite_isolation()
{
	suite_pg_regress isolation/pg_isolation_regress isolation test/specs spec
}

# The ordinary library has no trace of stop points; the specs have a server of
# their own, with the other one.
suite_stops()
{
	local pg_bin=$pg_bin PGHOST=${PGHOST:-} trace
	# a vacuum's snapshot would keep marks from being settled
	local server_name=stops-server server_settings='autovacuum = off'
	if [ -z "${T:-}" ]; then
		trace="$(nm tview_fdw.so | grep -ic 'tview_stop' || true)"
		trace+=" $(strings -a tview_fdw.so | grep -cE 'tview\.stop|read\.head|/stop\.[ch]' || true)"
		if [ "$trace" = "0 0" ]; then
			record ok "stops: no trace of stop points in the ordinary library"
		else
			record "not ok" "stops: no trace of stop points in the ordinary library"
		fi
	fi
	stops_installation
	pg_bin=$stops_bin
	suite_pg_regress isolation/pg_isolation_regress stops test/stops spec
	server_stop "$work/$server_name" immediate
}

# Every file has a database of its own, with pgTAP in it.
suite_pgtap()
{
	local file name status
	while IFS= read -r file; do
		shared_server
		name=$(basename "$file" .sql)
		status=0
		{
			"$pg_bin/psql" -qX -d postgres -c "DROP DATABASE IF EXISTS tview_pgtap" \
				-c "CREATE DATABASE tview_pgtap" &&
				"$pg_bin/psql" -qX -d tview_pgtap -c "CREATE EXTENSION pgtap" &&
				PATH=$pg_bin:$PATH timeout "$file_limit" \
					pg_prove --verbose --dbname tview_pgtap "$file"
		} >"$work/pgtap.$name.log" 2>&1 </dev/null || status=$?
		record_tap "pgtap/$name" "$work/pgtap.$name.log" "$status"
	done < <(select_tests test/pgtap sql)
}

# TAP programs make clusters of their own and run as the server's user, from
# a copy of what they need: the tree may lie out of that user's reach.
suite_tap()
{
	local files file name tap=$work/tap
	mapfile -t files < <(select_tests test/t pl)
	[ ${#files[@]} -gt 0 ] || return 0
	server_mkdir "$tap" "$tap/ports"
	for file in test sql expected examples; do
		[ ! -d "$file" ] || cp -r "$file" "$tap"
	done
	for file in "${files[@]}"; do
		! needs_stops "$file" || stops_installation
		while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do
			wait -n || true
		done
		run_tap_file "$file" "$tap" &
	done
	wait
	for file in "${files[@]}"; do
		name=$(basename "$file" .pl)
		record_tap "tap/$name" "$tap/$name.log" "$(cat "$tap/$name.status")"
	done
}

# True for a file that says so in a line of its own.
needs_stops()
{
	grep -q '^# Needs the library with stop points\.$' "$1"
}

# run_tap_file FILE DIR: leaves DIR/NAME.log and DIR/NAME.status.
run_tap_file()
{
	local file=$1 tap=$2 name status=0 bin=$pg_bin
	name=$(basename "$file" .pl)
	! needs_stops "$file" || bin=$stops_bin
	# (since PostgreSQL 16 the directory of data is not made from TESTDIR, and
	# a relative path would not do for the server)
	as_server "$tap" env PATH="$bin:$PATH" TESTDIR="$tap" PGPORT=65432 \
		TESTDATADIR="$tap/tmp_check" TESTLOGDIR="$tap/tmp_check/log" \
		PG_REGRESS="$pgxs_test/regress/pg_regress" \
		INCLUDEDIR_SERVER="$("$PG_CONFIG" --includedir-server)" \
		PG_TEST_PORT_DIR="$tap/ports" PG_TEST_TIMEOUT_DEFAULT=120 \
		timeout "$file_limit" prove --verbose \
		-I "$pgxs_test/perl" -I "$tap/test/t" -I "$tap" "$file" \
		>"$tap/$name.log" 2>&1 </dev/null || status=$?
	echo "$status" >"$tap/$name.status"
}

# A minute of storms; T names one of them.  SEED repeats a run.
suite_storm()
{
	local storm=$work/storm round status seed=${SEED:-$(date +%s)}
	local -A rounds=(
		[sessions]="--sessions 16 --duration 30"
		[ddl]="--sessions 8 --ddl --duration 15"
		[serial]="--sessions 8 --serial --ddl --duration 15"
	)
	storm_begin "$storm"
	for round in "${!rounds[@]}"; do
		[ -z "${T:-}" ] || [ "$T" = "$round" ] || continue
		status=0
		# shellcheck disable=SC2086  # the options are several words
		storm_round "$storm" ${rounds[$round]} --seed "$seed" \
			>"$storm/$round.log" 2>&1 </dev/null || status=$?
		record_tap "storm/$round" "$storm/$round.log" "$status"
		grep -E '^# [0-9]+ compared reads' "$storm/$round.log" | sed "s/^#/   $round, seed $seed:/" || true
	done
	server_stop "$storm/server" immediate
}

# Histories of short rounds are judged, and so is the judge; T names one of
# them.  SEED repeats the transactions, not how they interleave.
suite_history()
{
	local history=$work/history round status seed=${SEED:-$(date +%s)}
	local -A rounds=(
		[repeatable_read]="--level R --reset 60"
		[serializable]="--level S"
		[mixed]="--level mixed --reset 60"
	)
	if [ "${T:-check}" = check ]; then
		mkdir -p "$work/history"
		run_logged history/check python3 -B test/history/check_test.py
	fi
	[ "${T:-}" != check ] || return 0
	history_begin "$history"
	for round in "${!rounds[@]}"; do
		[ -z "${T:-}" ] || [ "$T" = "$round" ] || continue
		status=0
		# shellcheck disable=SC2086  # the options are several words
		history_round "$history" ${rounds[$round]} --duration 2 --seed "$seed" \
			>"$history/$round.log" 2>&1 </dev/null || status=$?
		[ "$status" = 0 ] || mv "$history/history.txt" "$history/$round.txt" || true
		record_tap "history/$round" "$history/$round.log" "$status"
		grep -E '^# committed' "$history/$round.log" | sed "s/^#/#   $round, seed $seed:/" || true
	done
	server_stop "$history/server" immediate
}

# Random views: the same worlds every time, and others.  T names one of them,
# SEED repeats the others.
suite_random()
{
	local run status seed=${SEED:-$(date +%s)}
	local -A runs=(
		[fixed]="--seed 1 --views 24"
		[fresh]="--seed $seed --views 1000 --seconds 12"
	)
	for run in fixed fresh; do
		[ -z "${T:-}" ] || [ "$T" = "$run" ] || continue
		shared_server
		status=0
		# shellcheck disable=SC2086  # the options are several words
		timeout "$suite_limit" python3 -B test/random/random_views.py ${runs[$run]} \
			>"$work/random.$run.log" 2>&1 </dev/null || status=$?
		record_tap "random/$run" "$work/random.$run.log" "$status"
		sed -n "s/^ok - /   $run: /p" "$work/random.$run.log"
	done
}
