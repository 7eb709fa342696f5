# shellcheck shell=bash disable=SC2034  # the scripts that source this use its variables
# Sourced by the scripts of ci/ and examples/: where things are, who runs the
# private servers, how one is started and stopped.  Changes to the top of the
# tree.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cd "$top" || exit
umask 022
export LC_ALL=C

# a make above us must not reach into the makes that we call, and no setting
# of the caller's may lead a client to another server
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL
pg_config=${PG_CONFIG:-pg_config}
unset "${!PG@}"
export PG_CONFIG=$pg_config

say()
{
	printf '%s\n' "$*"
}

die()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# The server refuses to run as root: postgres runs it then.
if [ "$(id -u)" = 0 ]; then
	server_user=postgres
else
	server_user=$(id -un)
fi

# Runs a command as the server's user, in the directory $1.
as_server()
{
	local dir=$1
	shift
	if [ "$(id -u)" = 0 ]; then
		(cd "$dir" && HOME=$dir exec setpriv --reuid="$server_user" \
			--regid="$server_user" --init-groups "$@")
	else
		(cd "$dir" && exec "$@")
	fi
}

# True when the server's user can enter the directory.
server_can_enter()
{
	as_server / test -x "$1" -a -r "$1"
}

# Makes a directory for the server's user.
server_mkdir()
{
	mkdir -p "$@"
	if [ "$(id -u)" = 0 ]; then
		chown "$server_user": "$@"
	fi
}

# Prints a new, empty directory tmp/$1.XXXXXX that the server's user can reach;
# outside the tree where the tree lies out of its reach (a clone below /root).
new_work_dir()
{
	local dir
	mkdir -p tmp
	if server_can_enter "$top/tmp"; then
		dir=$(mktemp -d "$top/tmp/$1.XXXXXX")
	else
		dir=$(mktemp -d "/var/tmp/tview_$1.XXXXXX")
	fi
	chmod 755 "$dir"
	printf '%s\n' "$dir"
}

# Builds the extension; parallel calls in one tree wait for each other.
build()
{
	mkdir -p tmp
	flock tmp/build.lock \
		make --no-print-directory -s -j"$(nproc)" all
}

# Builds the library with stop points (docs/developers.md); it lies apart from
# the ordinary one.
build_stop_points()
{
	mkdir -p tmp
	flock tmp/build.lock \
		make --no-print-directory -s -j"$(nproc)" stop-points >/dev/null
}

# server_create DIR: initdb.  The socket's directory has a short name, since
# the kernel limits its length to about a hundred bytes.
server_create()
{
	local dir=$1
	server_mkdir "$dir"
	as_server "$dir" "$pg_bin/initdb" -D "$dir/data" -U postgres -A trust \
		--no-sync --encoding=UTF8 --locale=C >"$dir/initdb.log" 2>&1 ||
		{
			cat "$dir/initdb.log" >&2
			die "initdb failed"
		}
	mktemp -d /tmp/tview.XXXXXX >"$dir/socket"
	server_mkdir "$(cat "$dir/socket")"
	chmod 700 "$(cat "$dir/socket")"
	cat >>"$dir/data/postgresql.conf" <<-EOF
		listen_addresses = ''
		unix_socket_directories = '$(cat "$dir/socket")'
		log_line_prefix = '%m [%p] %d '
		lc_messages = 'C'
		max_prepared_transactions = 20
		wal_level = logical
		shared_buffers = '256MB'
		max_wal_size = '4GB'
		checkpoint_timeout = '30min'
	EOF
}

# server_start DIR: and leaves its address in PGHOST, PGUSER.  The program is
# server_program, if that is set.
server_start()
{
	local dir=$1
	PGHOST=$(cat "$dir/socket")
	export PGHOST PGUSER=postgres
	as_server "$dir" "$pg_bin/pg_ctl" -D "$dir/data" -l "$dir/log" -w -t 60 \
		${server_program:+-p "$server_program"} start >/dev/null ||
		{
			tail -n 20 "$dir/log" >&2
			die "the private server did not start"
		}
}

# server_stop DIR [MODE]: ends the server of that data directory, if it runs.
server_stop()
{
	local dir=$1
	if [ -f "$dir/data/postmaster.pid" ]; then
		as_server "$dir" "$pg_bin/pg_ctl" -D "$dir/data" -m "${2:-fast}" \
			-w -t 60 stop >/dev/null || true
	fi
	if [ -f "$dir/socket" ]; then
		rm -rf "$(cat "$dir/socket")"
	fi
}

# Fills PREFIX with a private installation: PostgreSQL's programs copied (a
# program finds its files relative to itself), everything else linked, and this
# tree's extension.  No root needed, and nothing of the system's is touched.
# Sets pg_bin (its programs) and pgxs_test (PostgreSQL's test programs).
make_prefix()
{
	local prefix=$1 lib share bin
	bin=$("$PG_CONFIG" --bindir)
	lib=$("$PG_CONFIG" --pkglibdir)
	share=$("$PG_CONFIG" --sharedir)
	mkdir -p "$prefix$bin" "$prefix$lib" "$prefix$share/extension"
	cp -a "$bin/." "$prefix$bin"
	ln -s "$lib"/* "$prefix$lib"
	ln -s "$share/extension"/* "$prefix$share/extension"
	find "$share" -mindepth 1 -maxdepth 1 ! -name extension \
		-exec ln -s -t "$prefix$share" {} +
	rm -f "$prefix$lib"/tview_fdw* "$prefix$share/extension"/tview_fdw*
	make --no-print-directory -s install DESTDIR="$prefix" >/dev/null
	pg_bin=$prefix$bin
	pgxs_test=$lib/pgxs/src/test
}
