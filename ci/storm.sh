# shellcheck shell=bash
# Sourced by ci/soak and the suite storm: a server of the storm's own, and
# rounds of it.  See test/storm/storm.c.
# shellcheck disable=SC2154  # shared with common.sh

# storm_begin DIR [SETTINGS]: compiles the storm and starts its server.
storm_begin()
{
	local dir=$1
	mkdir -p "$dir"
	"${CC:-gcc}" -O1 -g -Wall -Wextra -Wno-stringop-truncation -I"$("$PG_CONFIG" --includedir)" \
		-o "$dir/storm" test/storm/*.c -L"$("$PG_CONFIG" --libdir)" -lpq -lpthread
	server_create "$dir/server"
	cat >>"$dir/server/data/postgresql.conf" <<-EOF2
		fsync = off
		max_connections = 450
		max_prepared_transactions = 60
		deadlock_timeout = '50ms'
		log_min_error_statement = panic
		${2:-}
	EOF2
	server_start "$dir/server"
}

# storm_round DIR OPTION...: one storm over a fresh database; TAP on stdout.
storm_round()
{
	local dir=$1 control=()
	shift
	# what a failed round has left
	echo "SELECT format('ROLLBACK PREPARED %L', gid) FROM pg_prepared_xacts \gexec" |
		"$pg_bin/psql" -qX -d storm >/dev/null 2>&1 || true
	[[ " $* " != *" --control "* ]] || control=(-v control=1)
	"$pg_bin/psql" -qX -d postgres -c "SET client_min_messages = error" \
		-c "DROP DATABASE IF EXISTS storm" -c "CREATE DATABASE storm" &&
		"$pg_bin/psql" -qX -v ON_ERROR_STOP=1 "${control[@]}" -d storm -f test/storm/schema.sql &&
		"$dir/storm" "$@"
}
