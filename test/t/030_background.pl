# Proves: with refresh 'background' a worker settles marks, computes stale rows and fills incomplete TVIEWs by itself, comes when it is needed and goes when it is not, and where there is none everything is read as before.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TviewTest;

my $node = new_cluster('main', 'restart_after_crash = on', 'autovacuum = off');
$node->start;
load_schema($node, 'postgres', 5);
create_tviews($node, 'postgres', "refresh 'background', populate 'off'");

sub stat_of
{
	my ($field, $name) = @_;
	return $node->safe_psql('postgres', "SELECT $field FROM tview.cache_stats WHERE tview = 'app.tv_$name'::regclass");
}

sub workers
{
	my ($where) = @_;
	return $node->safe_psql('postgres',
		"SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'tview_fdw worker' AND " . ($where || 'true'));
}

# Nothing is stale, and no mark waits.
sub is_refreshed
{
	my ($what, @names) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $list = join(', ', map { "'app.tv_$_'::regclass" } @names);
	my $done = wait_for(sub {
		$node->safe_psql('postgres', <<~"SQL") eq 't';
			SELECT bool_and(complete AND hollow = 0) AND (SELECT marks_pending = 0 FROM tview.store)
			FROM tview.cache_stats WHERE tview IN ($list)
		SQL
	});
	ok($done, "refreshed: $what")
	  or diag($node->safe_psql('postgres', 'SELECT * FROM tview.cache_stats; SELECT * FROM tview.store'));
	return;
}
my @names = qw(user post comment rank);

# a first reader of a TVIEW that is empty
is_equal($node, 'postgres', 'at first');
is_refreshed('after the first reads', @names);
is_warm($node, 'postgres', 'filled by the worker', map { $_ => 10 } @names);

# marks of commits: nobody reads, and all is there again
for my $round (1 .. 3)
{
	my $before = stat_of('recomputed', 'post');
	$node->safe_psql('postgres', churn(30, $round));
	is_refreshed("after changes, round $round", @names);
	is(stat_of('recomputed', 'post'), $before, "no reader had to compute, round $round");
	is_warm($node, 'postgres', "round $round");
	is_equal($node, 'postgres', "round $round");
}
$node->safe_psql('postgres', "UPDATE app.tb_user SET name = name || '!'");
is_refreshed('a fan-out to every document', @names);
is_warm($node, 'postgres', 'after the fan-out', map { $_ => 10 } @names);
is_equal($node, 'postgres', 'after the fan-out');
# rows are computed before their marks settle, which leaves them as they are;
# but those of a view that cannot be run for single keys
sub emptied
{
	return $node->safe_psql('postgres', "SELECT sum(hollowed) FROM tview.cache_stats WHERE tview <> 'app.tv_rank'::regclass");
}
my $emptied = emptied();
$node->safe_psql('postgres', "UPDATE app.tb_user SET name = name || '?'");
is_refreshed('a fan-out once more', @names);
is_warm($node, 'postgres', 'before the marks settle');
is(emptied(), $emptied, 'nothing was emptied to be computed again');
$node->safe_psql('postgres', 'TRUNCATE app.tb_comment; SELECT tview.reset($$app.tv_user$$)');
is_refreshed('a truncated table, and a TVIEW that was emptied', @names);
is_equal($node, 'postgres', 'after the truncation');

# an old snapshot holds the marks, and not the rows; when it has ended the
# marks go with the next commit
my $old = $node->background_psql('postgres', on_error_stop => 0);
$old->query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
my $computed = stat_of('stored', 'user');
$node->safe_psql('postgres', "UPDATE app.tb_user SET name = name || '/' WHERE pk_user < 20");
ok(wait_for(sub { stat_of('stored', 'user') >= $computed + 19 }), 'rows are refreshed under an old snapshot');
is(figures($node, 'postgres', 'SELECT * FROM app.tv_user')->{recomputed}, 0, '... and are served while their marks wait');
cmp_ok(store_field($node, 'postgres', 'marks_pending'), '>', 0, '... which do wait');
$node->safe_psql('postgres', churn(10, 7));
is(check_in($old), '', 'an old snapshot');
ok(wait_for(sub { workers() == 0 }, 30), 'the worker does not stay for an old snapshot');
cmp_ok(store_field($node, 'postgres', 'marks_pending'), '>', 0, 'the marks wait');
is(check_in($old), '', 'the old snapshot, later');
$old->query('COMMIT');
$old->quit;
$node->safe_psql('postgres', "UPDATE app.tb_user SET name = 'x' WHERE pk_user = 1");
is_refreshed('after the old snapshot has ended', @names);

# a prepared transaction ends in a session that has the library, and has used
# none of the TVIEWs: the worker has gone meanwhile, and comes
for my $end ('COMMIT', 'ROLLBACK')
{
	$node->safe_psql('postgres', "BEGIN; UPDATE app.tb_user SET name = name || '2' WHERE pk_user < 9; PREPARE TRANSACTION 'twice'");
	ok(wait_for(sub { workers() == 0 }, 30), 'the worker does not stay for a prepared transaction');
	cmp_ok(store_field($node, 'postgres', 'marks_pending'), '>', 0, 'its marks wait');
	my $manager = $node->background_psql('postgres', on_error_stop => 0);
	$manager->query("LOAD 'tview_fdw'");
	$manager->query("$end PREPARED 'twice'");
	is_refreshed("after $end PREPARED", @names);
	# nothing waits: nobody is called
	ok(wait_for(sub { workers() == 0 }, 30), 'the worker ends');
	$manager->query("BEGIN; CREATE TABLE app.unrelated (); PREPARE TRANSACTION 'other'");
	$manager->query("$end PREPARED 'other'");
	is(workers(), 0, 'a prepared transaction that concerns no TVIEW calls nobody');
	$manager->query('DROP TABLE IF EXISTS app.unrelated');
	$manager->quit;
}

# a base table that is locked keeps nobody waiting but itself
my $locker = $node->background_psql('postgres', on_error_stop => 0);
$locker->query('BEGIN; LOCK app.tb_post IN ACCESS EXCLUSIVE MODE');
$node->safe_psql('postgres', "UPDATE app.tb_user SET name = 'y' WHERE pk_user = 2");
ok(wait_for(sub { stat_of('hollow', 'rank') == 0 }), 'a TVIEW without that table is refreshed');
is(workers("wait_event_type = 'Lock'"), 0, 'the worker waits for no lock');
$locker->query('ROLLBACK');
$locker->quit;
$node->safe_psql('postgres', "UPDATE app.tb_user SET name = 'z' WHERE pk_user = 2");
is_refreshed('after the lock', @names);
# once the lock is gone, nobody needs to call the worker again
$locker = $node->background_psql('postgres', on_error_stop => 0);
$node->safe_psql('postgres', "SELECT tview.reset('app.tv_comment'), tview.reset('app.tv_rank')");
$locker->query('BEGIN; LOCK app.tb_comment IN ACCESS EXCLUSIVE MODE');
$node->safe_psql('postgres', "UPDATE app.tb_user SET name = 'yy' WHERE pk_user = 2");
ok(wait_for(sub { stat_of('complete', 'rank') eq 't' }), 'a TVIEW without the locked table is filled');
$locker->query('ROLLBACK');
$locker->quit;
is_refreshed('a TVIEW whose table was locked', 'comment');
# neither does a view behind the view of a TVIEW
$locker = $node->background_psql('postgres', on_error_stop => 0);
$locker->query('BEGIN; ALTER VIEW app.v_post SET (security_barrier = false)');
$node->safe_psql('postgres', "UPDATE app.tb_user SET name = 'zz' WHERE pk_user = 2");
ok(wait_for(sub { stat_of('hollow', 'rank') == 0 && stat_of('hollow', 'user') == 0 }), 'TVIEWs without that view are refreshed');
is(workers("wait_event_type = 'Lock'"), 0, 'the worker waits for no view');
$locker->query('ROLLBACK');
$locker->quit;
$node->safe_psql('postgres', "UPDATE app.tb_user SET name = 'zzz' WHERE pk_user = 2");
is_refreshed('after the lock on the view', @names);

# a view that raises an error: logged, tried again later, the others go on
$node->safe_psql('postgres', <<~'SQL');
	CREATE VIEW app.v_share AS SELECT pk_user AS pk_share, id, 100 / (length(name) - 1) AS share FROM app.tb_user;
	UPDATE app.tb_user SET name = 'longer ' || pk_user;
	IMPORT FOREIGN SCHEMA app LIMIT TO (tv_share) FROM SERVER tviews INTO app OPTIONS (populate 'on');
SQL
$node->safe_psql('postgres', "UPDATE app.tb_user SET name = '1' WHERE pk_user = 5");
ok(wait_for(sub { $node->log_contains('division by zero') }), 'the error is in the log');
$node->safe_psql('postgres', "UPDATE app.tb_user SET name = 'longer' WHERE pk_user = 6");
is_refreshed('beside a view that raises an error', @names);
$node->safe_psql('postgres', "UPDATE app.tb_user SET name = 'longer' WHERE pk_user = 5");
is($node->safe_psql('postgres', 'SELECT count(*) FROM (SELECT * FROM app.tv_share EXCEPT ALL SELECT * FROM app.v_share) d'),
	0, 'the view is right again');
$node->safe_psql('postgres', 'DROP FOREIGN TABLE app.tv_share');

# options per table, and back
$node->safe_psql('postgres', "ALTER FOREIGN TABLE app.tv_user OPTIONS (ADD refresh 'on_read')");
$node->safe_psql('postgres', "UPDATE app.tb_user SET name = 'on read' WHERE pk_user < 9");
is_refreshed('the others', qw(post comment rank));
cmp_ok(stat_of('hollow', 'user'), '>=', 8, 'a table with on_read is left to its readers');
is_equal($node, 'postgres', 'on_read');
$node->safe_psql('postgres', "ALTER SERVER tviews OPTIONS (SET refresh 'on_read')");
ok(wait_for(sub { workers() == 0 }, 30), 'nobody wants a worker');
$node->safe_psql('postgres', "UPDATE app.tb_user SET name = 'nobody' WHERE pk_user < 9");
is(workers(), 0, 'and none comes');
is_equal($node, 'postgres', 'without a worker');
# a row that waits to be stored is stored when its session ends
$node->safe_psql('postgres', "UPDATE app.tb_user SET name = 'nobody at all' WHERE pk_user = 9");
my $before = stat_of('stored', 'user');
is($node->safe_psql('postgres', 'SELECT data = (SELECT data FROM app.v_user WHERE pk_user = 9) FROM app.tv_user WHERE pk_user = 9'),
	't', 'a session for one row');
ok(wait_for(sub { stat_of('stored', 'user') == $before + 1 }), '... stores it at its end');
my ($status, undef, $error) = $node->psql('postgres', "ALTER SERVER tviews OPTIONS (SET refresh 'sometimes')");
like($error, qr/neither "on_read" nor "background"/, 'another value is refused');
$node->safe_psql('postgres', "ALTER SERVER tviews OPTIONS (SET refresh 'background');"
	. "ALTER FOREIGN TABLE app.tv_user OPTIONS (SET refresh 'background')");
$node->safe_psql('postgres', "UPDATE app.tb_user SET name = 'again' WHERE pk_user < 9");
is_refreshed('with a worker again', @names);

# a worker that is there, and busy: a reader leaves a few rows to it, once
my $busy;
ok(wait_for(sub {
	$busy = $node->safe_psql('postgres', "UPDATE app.tb_user SET name = name || 'k' WHERE pk_user = 3;"
		. "SELECT pid FROM pg_stat_activity WHERE backend_type = 'tview_fdw worker'");
	return $busy && wait_for(sub { stat_of('hollow', 'user') == 0 && store_field($node, 'postgres', 'marks_pending') == 0 })
		&& kill('STOP', $busy);
}), 'a worker has done its work, and is stopped');
$node->safe_psql('postgres', "UPDATE app.tb_user SET name = 'stopped' WHERE pk_user < 20");
my $stored = stat_of('stored', 'user');
my $reader = $node->background_psql('postgres');
sub point
{
	return $reader->query_safe("SELECT data = (SELECT data FROM app.v_user WHERE pk_user = $_[0]) FROM app.tv_user WHERE pk_user = $_[0]");
}
is(point(7), 't', 'a row that is left to the worker');
is(stat_of('stored', 'user'), $stored, '... is not stored');
is(point(7), 't', 'the same row again');
is(stat_of('stored', 'user'), $stored + 1, '... is');
is(point(7), 't', 'and then');
is(stat_of('stored', 'user'), $stored + 1, '... it is served');
is(point(8), 't', 'another row');
is(stat_of('stored', 'user'), $stored + 1, '... is left to the worker');
is($reader->query_safe("SELECT count(*) FROM app.tv_user t JOIN app.v_user v USING (pk_user) WHERE t.data = v.data AND t.pk_user BETWEEN 9 AND 19"),
	11, 'some rows');
is(stat_of('stored', 'user'), $stored + 1, '... are, too');
is_equal($node, 'postgres', 'many rows');
cmp_ok(stat_of('stored', 'user'), '>', $stored + 1, '... and stored');
# of a row that is left to the worker only what is read is computed
$node->safe_psql('postgres', <<~'SQL');
	CREATE TABLE app.tb_odd (pk_odd int PRIMARY KEY, id int NOT NULL UNIQUE, n int, m int);
	INSERT INTO app.tb_odd SELECT i, i, 1, i FROM generate_series(1, 9) i;
	CREATE VIEW app.v_odd AS SELECT pk_odd, id, n, m, 10 / n AS share FROM app.tb_odd;
	CREATE FOREIGN TABLE app.tv_odd (pk_odd int, id int, n int, m int, share int) SERVER tviews OPTIONS (view 'app.v_odd');
	SELECT count(share) FROM app.tv_odd;
	UPDATE app.tb_odd SET n = 0, m = m + 10;
SQL
is($node->safe_psql('postgres', "SELECT $_"), $node->safe_psql('postgres', "SELECT $_" =~ s/tv_/v_/gr), "left to the worker: $_")
  for 'm FROM app.tv_odd WHERE pk_odd = 1', 'm, n FROM app.tv_odd WHERE id = 2', 'id FROM app.tv_odd WHERE pk_odd = 3 AND id = 3',
  'id FROM app.tv_odd WHERE pk_odd = 3 AND m = 3', 'count(*) FROM app.tv_odd WHERE pk_odd = 4', 'm FROM app.tv_odd WHERE pk_odd = 10',
  'm FROM app.tv_odd WHERE id = 5 AND n < 1', 'm FROM app.tv_odd WHERE id = 6 AND n > 0',
  'share FROM app.tv_odd WHERE id = 6 AND n > 0', '(t).m FROM (SELECT m FROM app.tv_odd WHERE pk_odd = 7) t';
like(($node->psql('postgres', "SELECT $_"))[2], qr/division by zero/, "left to the worker: $_")
  for 'share FROM app.tv_odd WHERE pk_odd = 1', 't FROM app.tv_odd t WHERE id = 2', 'm FROM app.tv_odd WHERE pk_odd = 3 AND share > 0';
$node->safe_psql('postgres', <<~'SQL');
	BEGIN;
	UPDATE app.tb_odd SET n = 2 WHERE pk_odd = 8;
	DO $$
	BEGIN
		ASSERT (SELECT share FROM app.tv_odd WHERE pk_odd = 8) = 5;
		BEGIN
			UPDATE app.tb_odd SET n = 5 WHERE pk_odd = 8;
			ASSERT (SELECT share FROM app.tv_odd WHERE pk_odd = 8) = 2;
			RAISE division_by_zero;
		EXCEPTION WHEN division_by_zero THEN
			NULL;
		END;
		ASSERT (SELECT share FROM app.tv_odd WHERE pk_odd = 8) = 5;
	END $$;
	ROLLBACK;
	DROP FOREIGN TABLE app.tv_odd;
SQL
$reader->quit;
kill 'CONT', $busy;
is_refreshed('when the worker goes on', @names);

# killed with everything else: what its entry says is not believed
my $pid = wait_for(sub {
	$node->safe_psql('postgres', "UPDATE app.tb_user SET name = name WHERE pk_user = 3; UPDATE app.tb_user SET name = name || 'k' WHERE pk_user = 3;"
		. "SELECT pid FROM pg_stat_activity WHERE backend_type = 'tview_fdw worker'");
});
kill 'KILL', $pid;
# (psql may end before it has been given its query)
ok(wait_for(sub { eval { ($node->psql('postgres', 'SELECT 1'))[0] == 0 && workers("pid = $pid") == 0 } }), 'the server has restarted');
is_equal($node, 'postgres', 'after a crash of the worker');
$node->safe_psql('postgres', churn(20, 11));
is_refreshed('by a new worker', @names);

# ended by an administrator: the next commit brings another
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'tview_fdw worker'");
$node->safe_psql('postgres', churn(20, 12));
is_refreshed('after pg_terminate_backend', @names) if wait_for(sub { workers() > 0
		|| $node->safe_psql('postgres', "UPDATE app.tb_user SET name = name || 't' WHERE pk_user = 4") }, 5);
is_equal($node, 'postgres', 'after pg_terminate_backend');

# it does not stand in the way of DROP DATABASE
$node->safe_psql('postgres', 'CREATE DATABASE other');
load_schema($node, 'other');
create_tviews($node, 'other', "refresh 'background'");
$node->safe_psql('other', churn(10, 1));
is_equal($node, 'other', 'another database');
is(($node->psql('postgres', 'DROP DATABASE other'))[0], 0, 'DROP DATABASE');

# no place for a worker
$node->append_conf('postgresql.conf', "max_worker_processes = 0\nmax_parallel_workers = 0\nmax_logical_replication_workers = 0");
$node->restart;
is_equal($node, 'postgres', 'after a restart');
$node->safe_psql('postgres', churn(20, 13));
is(workers(), 0, 'no place for a worker');
is_equal($node, 'postgres', 'without a place for a worker');
$node->stop;

done_testing();
