# Proves: with fewer reader places than sessions, or hardly any file descriptors left, reads stay exact and writes do not fail.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TviewTest;

my $node = new_cluster('main');
$node->start;
load_schema($node, 'postgres');
create_tviews($node, 'postgres', "max_readers '16'");
is_equal($node, 'postgres', 'at first');
is(store_field($node, 'postgres', 'max_readers'), '16', 'there are 16 places');

# 40 sessions, each of which has read and stays.
my @sessions;
for my $i (1 .. 40)
{
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my ($out, $failed) = $session->query("SELECT count(*) FROM app.tv_user");
	is("$out $failed", '20 0', "session $i reads") if $i % 8 == 0 || "$out $failed" ne '20 0';
	push @sessions, $session;
}
cmp_ok(store_field($node, 'postgres', 'coalesce(readers, 0)'), '<=', 16, 'no more readers than places');
like(store_field($node, 'postgres', 'state'), qr/reader/, 'tview.store says so');
for my $round (1 .. 3)
{
	my ($old, $young) = ($sessions[$round], $sessions[ -$round ]);
	for my $session ($old, $young)
	{
		my (undef, $failed) = $session->query("UPDATE app.tb_user SET name = 'round $round' WHERE pk_user = $round");
		is($failed, 0, "round $round: a session writes");
	}
	is(check_in($old), '', "round $round: one of the first sessions");
	is(check_in($young), '', "round $round: one of the last sessions");
	is_equal($node, 'postgres', "round $round: a new session");
	$node->safe_psql('postgres', churn(10, 1));
	is(check_in($old, 'post', 'user'), '', "round $round: one of the first sessions, again");
	is(check_in($young, 'post', 'user'), '', "round $round: one of the last sessions, again");
}
my $newest = $node->background_psql('postgres', on_error_stop => 0);
$newest->query('SELECT count(*) FROM app.tv_user');
$_->quit for @sessions;
is(check_in($newest), '', 'when the others have gone');
like($newest->query('EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT * FROM app.tv_user'),
	qr/Served: 20/, 'there are places again, and it is served');
$newest->quit;
is_warm($node, 'postgres', 'at the end', user => 20, post => 50, comment => 150);

# Sessions that have hardly a descriptor: each can have so many files open.
# (PostgreSQL wants 48 of them, and what it uses itself it can close.)
$node->stop;
$node->append_conf('postgresql.conf', "max_files_per_process = 64\nmax_wal_senders = 0\nwal_level = minimal");
my $log = $node->logfile;
my $data = $node->data_dir;
# one table more than there are files
$node->start;
$node->safe_psql('postgres', join('', map { "CREATE TABLE t$_ AS SELECT $_ AS i; CREATE INDEX ON t$_ (i);" } 1 .. 100));
my $touch = join('', map { "SELECT count(*) FROM t$_ WHERE i = 0;" } 1 .. 100);
for my $room (0 .. 12)
{
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = $session->query_safe('SELECT pg_backend_pid()');
	$session->query($touch);
	# the limit sinks under the running backend: so many more than it has open
	my $open = () = glob("/proc/$pid/fd/*");
	system('prlimit', '--pid', $pid, '--nofile=' . ($open + $room) . ':' . ($open + $room)) == 0 or die 'prlimit failed';
	my (undef, $failed) = $session->query("UPDATE app.tb_user SET name = 'with $room' WHERE pk_user <= 3");
	is($failed, 0, "$room descriptors left: a write");
	($failed) = (check_in($session, 'user'));
	is($failed, '', "$room descriptors left: reads");
	$session->query($touch);
	is(check_in($session, 'post', 'user'), '', "$room descriptors left: reads again");
	is_equal($node, 'postgres', "$room descriptors left: another session", 'user', 'post') if $room % 4 == 0;
	$session->quit;
}
is_equal($node, 'postgres', 'in the end');
is_warm($node, 'postgres', 'in the end', user => 17, post => 40, comment => 100);
$node->stop;

done_testing();
