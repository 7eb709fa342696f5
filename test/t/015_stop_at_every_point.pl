# Proves: wherever a backend is when the server stops at once, or when that backend is killed, TVIEWs equal their views meanwhile and afterwards.
#
# Needs the library with stop points.
#
# A session is held at each stop point in turn.  Its commits are not flushed in
# the first loop: the stop loses some of them, and their xids are given out again.
#
# Catches the mutant nodurable: rows that rest on commits that are not flushed are
# stored.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TviewTest;

my $node = new_cluster('main', 'autovacuum = off', 'wal_writer_delay = 10s',
	'restart_after_crash = on', 'fsync = off');
$node->start;
load_schema($node, 'postgres');
create_tviews($node, 'postgres', "mark_log_size '64kB'");
$node->safe_psql('postgres', <<~'SQL');
	CREATE FUNCTION stop_points() RETURNS text[] AS 'tview_fdw', 'tview_stop_points' LANGUAGE C;
	CREATE FUNCTION settle(server oid, pressure bool) RETURNS bool
		AS 'tview_fdw', 'tview_stop_settle' LANGUAGE C;
	CREATE VIEW app.v_extra AS SELECT pk_user AS pk_extra, name FROM app.tb_user;
SQL
my @points = split(/\n/, $node->safe_psql('postgres', 'SELECT unnest(stop_points())'));
cmp_ok(scalar @points, '>', 30, 'there are stop points');

# What passes all the points, for a store that is complete at first.
my $work = <<~'SQL';
	UPDATE app.tb_user SET name = name || '+' WHERE pk_user = 3;
	SELECT count(*) FROM app.tv_post;
	UPDATE app.tb_post SET title = title || '+', fk_user = 3 WHERE pk_post = 5;
	SELECT count(*) FROM app.tv_post WHERE id = (SELECT id FROM app.tb_post WHERE pk_post = 5);
	BEGIN; UPDATE app.tb_user SET name = 'nobody'; ROLLBACK;
	DELETE FROM app.tb_comment WHERE pk_comment = (SELECT min(pk_comment) FROM app.tb_comment);
	UPDATE app.tb_user SET name = name || '-' WHERE pk_user = 3;
	SELECT settle(oid, true) FROM pg_foreign_server WHERE srvname = 'tviews';
	SELECT count(*) FROM app.tv_post WHERE pk_post = (SELECT min(pk_post) FROM app.tb_post WHERE fk_user = 3);
	SELECT count(*) FROM app.tv_post WHERE pk_post = (SELECT max(pk_post) FROM app.tb_post WHERE fk_user = 3);
	SELECT count(*) FROM app.tv_post WHERE pk_post = (SELECT max(pk_post) FROM app.tb_post WHERE fk_user = 3);
	INSERT INTO app.tb_post (fk_user, title) VALUES (4, 'new');
	SELECT tview.refresh('app.tv_post');
	BEGIN;
	CREATE SERVER extra FOREIGN DATA WRAPPER tview_fdw;
	CREATE FOREIGN TABLE app.tv_extra (pk_extra int, name text) SERVER extra
		OPTIONS (view 'app.v_extra');
	ALTER FOREIGN TABLE app.tv_extra OPTIONS (ADD populate 'false');
	ROLLBACK;
	SELECT tview.reset('tviews');
	SELECT count(*) FROM app.tv_post;
SQL

# All TVIEWs as a whole, and one of them in every way.
my $check = join("UNION ALL\n", map {
	"SELECT '$_ lacks', d::text FROM (TABLE app.v_$_ EXCEPT ALL TABLE app.tv_$_) d UNION ALL
	 SELECT '$_ has', d::text FROM (TABLE app.tv_$_ EXCEPT ALL TABLE app.v_$_) d "
} qw(comment feed post rank user)) . ';';
my $look_up = check_sql('user') . ';';

# Starts psql with SQL; it stays until the handle is closed.
sub begin_psql
{
	my ($name, $sql) = @_;
	my $connstr = $node->connstr('postgres') . " application_name=$name";
	my $log = "$PostgreSQL::Test::Utils::log_path/015_$name.log";
	open(my $psql, '|-', "exec psql -qAtX -d \"$connstr\" -f - >>$log 2>&1")
	  or die "could not start psql: $!";
	$psql->autoflush(1);
	print $psql $sql;
	return $psql;
}

# The state of a session that waits for an advisory lock: its pid, or ''.
sub waiting
{
	my ($status, $out) = eval { $node->psql('postgres', "SELECT pid FROM pg_stat_activity
		WHERE application_name = 'held' AND wait_event = 'advisory'") };
	return defined $status && $status == 0 && $out =~ /^(\d+)$/ ? $1 : '';
}

# Holds a session at the point, compares (once is enough: with settings), ends the server or the session by
# end(pid), and compares again: what is computed, and then what is stored.
sub try_point
{
	my ($point, $settings, $end) = @_;
	local $SIG{PIPE} = 'IGNORE';
	my $control = begin_psql('control', "SELECT pg_advisory_lock(hashtext('$point'));\n");
	$node->poll_query_until('postgres',
		"SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted)");
	my $held = begin_psql('held', "SET tview.stop_at = '$point'; $settings $work");
	my $pid = wait_for(\&waiting, 20);
	ok($pid, "a session is held at $point") or return;
	if ($settings)
	{
		my (undef, $meanwhile) = $node->psql('postgres', $check);
		is(substr($meanwhile, 0, 1000), '', "TVIEWs equal their views while a session is held at $point");
	}
	$end->($pid);
	close($held);
	close($control);
	my ($status, $out, $err) = $node->psql('postgres', $check . $look_up . $check);
	is($status . substr($out . $err, 0, 2000), '0', "and after the end");
	return;
}

try_point($_, 'SET synchronous_commit = off;', sub {
	$node->stop('immediate');
	$node->start;
}) for @points;

try_point($_, '', sub {
	my ($pid) = @_;
	kill('KILL', $pid);
	# the server has restarted when the other session is gone, too; psql may end
	# before it is given its statement
	wait_for(sub {
		my ($status, $out) = eval { $node->psql('postgres',
			"SELECT count(*) FROM pg_stat_activity WHERE application_name IN ('held', 'control')") };
		return defined $status && $status == 0 && $out eq '0';
	}, 60);
}) for @points;

is($node->safe_psql('postgres', "SELECT v.* FROM unnest('{user,post,comment,rank,feed}'::text[]) x,
	tview.verify(('app.tv_' || x)::regclass) v"), '', 'the store verifies');
$node->stop;

done_testing();
