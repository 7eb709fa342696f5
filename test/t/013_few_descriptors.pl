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
$node->start;
# one table more than there are files
$node->safe_psql('postgres', join('', map { "CREATE TABLE t$_ AS SELECT $_ AS i; CREATE INDEX ON t$_ (i);" } 1 .. 100));
$node->safe_psql('postgres', "CREATE TABLE plain AS SELECT i, 'x' AS t FROM generate_series(1, 10) i");
my $touch = join('', map { "SELECT count(*) FROM t$_ WHERE i = 0;" } 1 .. 100);

# Sinks a running backend's limit so that it can open so many files more.  The
# limit is on numbers: what lies above it, such as a file that the postmaster
# has inherited from who started the test, takes no room.
sub leave_room
{
	my ($pid, $room) = @_;
	my %used = map { m{(\d+)$} => 1 } glob("/proc/$pid/fd/*");
	my $limit = 0;
	for (my $free = 0; $free < $room || $used{$limit}; $limit++)
	{
		$free++ unless $used{$limit};
	}
	system('prlimit', '--pid', $pid, "--nofile=$limit:") == 0 or die 'prlimit failed';
	return;
}

# A session whose files are all PostgreSQL's own, with so much room besides.
sub crowded_session
{
	my ($room, $first) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = $session->query_safe('SELECT pg_backend_pid()');
	$session->query_safe($first) if $first;
	$session->query_safe($touch);
	leave_room($pid, $room);
	return ($session, $pid);
}

# The error of a write; empty when there is none.
sub write_error
{
	my ($session, $table, $set) = @_;
	$session->{stderr} = '';
	$session->query("UPDATE $table SET $set");
	my $error = join("\n", $session->{stderr} =~ /^.*(?:ERROR|FATAL|PANIC): .*$/mg);
	$session->{stderr} = '';
	return $error;
}

# The linker needs a descriptor to load the library, and PostgreSQL gives none
# of its own back for that: it must be there before.
for my $room (0 .. 12)
{
	my ($session) = crowded_session($room, "LOAD 'tview_fdw'");
	my $from = -s $node->logfile;
	is(write_error($session, 'plain', "t = 'with $room' WHERE i <= 3"), '', "$room descriptors left: a write without triggers");
	like(slurp_file($node->logfile, $from), qr/out of file descriptors: .*release and retry/, 'none was left') if $room == 0;
	is(write_error($session, 'app.tb_user', "name = 'with $room' WHERE pk_user <= 3"), '', "$room descriptors left: a write");
	is(check_in($session, 'user'), '', "$room descriptors left: reads");
	$session->query($touch);
	is(check_in($session, 'post', 'user'), '', "$room descriptors left: reads again");
	is_equal($node, 'postgres', "$room descriptors left: another session", 'user', 'post') if $room % 4 == 0;
	$session->quit;
}

# Where it is not there, the write fails as with any trigger in C, and no
# longer than that lasts; session_preload_libraries is the remedy.
my ($late, $late_pid) = crowded_session(0);
is(write_error($late, 'plain', "t = 'late' WHERE i <= 3"), '', 'library not loaded: a write without triggers');
like(write_error($late, 'app.tb_user', "name = 'late' WHERE pk_user <= 3"), qr/^[^\n]*could not load library[^\n]*$/, 'library not loaded: it cannot be');
leave_room($late_pid, 1);
is(write_error($late, 'app.tb_user', "name = 'late' WHERE pk_user <= 3"), '', 'library not loaded: one descriptor suffices');
is(check_in($late, 'user'), '', 'library not loaded: reads');
$late->quit;
{
	local $ENV{PGOPTIONS} = '-c session_preload_libraries=tview_fdw';
	my ($early) = crowded_session(0);
	is(write_error($early, 'app.tb_user', "name = 'early' WHERE pk_user <= 3"), '', 'session_preload_libraries: a write');
	is(check_in($early, 'user'), '', 'session_preload_libraries: reads');
	$early->quit;
}
is_equal($node, 'postgres', 'in the end');
is_warm($node, 'postgres', 'in the end', user => 17, post => 40, comment => 100);
$node->stop;

done_testing();
