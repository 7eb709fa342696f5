# shellcheck shell=bash
# Sourced by ci/histories and the suite history: a server of its own, and
# rounds of transactions whose history is judged.  See test/history/append.c.
# shellcheck disable=SC2154  # shared with common.sh

# history_begin DIR: compiles the client and starts its server.
history_begin()
{
	local dir=$1
	mkdir -p "$dir"
	"${CC:-gcc}" -O1 -g -Wall -Wextra -I"$("$PG_CONFIG" --includedir)" \
		-o "$dir/append" test/history/append.c -L"$("$PG_CONFIG" --libdir)" -lpq -lpthread
	server_create "$dir/server"
	cat >>"$dir/server/data/postgresql.conf" <<-EOF2
		fsync = off
		max_connections = 250
		deadlock_timeout = '50ms'
		log_min_error_statement = panic
		max_pred_locks_per_transaction = 256
	EOF2
	server_start "$dir/server"
}

# history_round DIR OPTION...: one round over a fresh database and its
# judgement; TAP on stdout.  The history stays in DIR/history.txt.
history_round()
{
	local dir=$1 status=0
	shift
	echo "SELECT format('ROLLBACK PREPARED %L', gid) FROM pg_prepared_xacts \gexec" |
		"$pg_bin/psql" -qX -d history >/dev/null 2>&1 || true
	"$pg_bin/psql" -qX -d postgres -c "SET client_min_messages = error" \
		-c "DROP DATABASE IF EXISTS history" -c "CREATE DATABASE history" &&
		"$pg_bin/psql" -qX -v ON_ERROR_STOP=1 -d history -f test/history/schema.sql ||
		return
	rm -f "$dir/history.txt"
	"$dir/append" --output "$dir/history.txt" "$@" || status=$?
	python3 -B test/history/check.py "$dir/history.txt" || status=$?
	return "$status"
}
