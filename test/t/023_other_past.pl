# Proves: a store of another cluster, timeline, boot or format is not trusted, and pg_resetwal, which moves xids to and fro, leads to no wrong row and to TVIEWs that are served again.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TviewTest;

my $node = new_cluster('main', 'autovacuum = off');
$node->start;
load_schema($node, 'postgres');
create_tviews($node, 'postgres');
is_equal($node, 'postgres', 'at first');
my $directory = store_directory($node, 'postgres');

sub is_well
{
	my ($what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is_equal($node, 'postgres', "$what: at once");
	$node->safe_psql('postgres', churn(20, 1));
	is_equal($node, 'postgres', "$what: after writes");
	$node->safe_psql('postgres', "SELECT tview.refresh('app.tv_' || x) FROM unnest('{user,post,comment}'::text[]) x");
	is_warm($node, 'postgres', $what);
	is(store_field($node, 'postgres', 'state'), 'ok', "$what: tview.store is content");
	return;
}

# ---- the control file names another owner; see TviewControl ----

my %other = (
	'an older layout' => [ 8, pack('L', 0) ],
	'a newer layout' => [ 8, pack('L', 1000) ],
	'another cluster' => [ 48, pack('Q', 4711) ],
	'another database' => [ 56, pack('L', 4711) ],
	'another server' => [ 60, pack('L', 4711) ],
	'another timeline' => [ 64, pack('L', 4711) ],
	'another format of rows' => [ 68, pack('L', 0) ],
	'another boot' => [ 72, '01234567-89ab' ]);

for my $what (sort keys %other)
{
	my ($at, $bytes) = @{ $other{$what} };
	my $epoch = store_field($node, 'postgres', 'epoch');
	$node->stop;
	open(my $file, '+<:raw', "$directory/control") or die "could not open the control file: $!";
	seek($file, $at, 0);
	print $file $bytes;
	close($file) or die "could not write the control file: $!";
	$node->start;
	$node->safe_psql('postgres', 'SELECT count(*) FROM app.tv_post');
	isnt(store_field($node, 'postgres', 'epoch'), $epoch, "$what: a new store");
	is(store_field($node, 'postgres', 'reset_reason'), 'files of another owner, boot or format', "$what: tview.store says why");
	is_equal($node, 'postgres', $what);
}
is_well('after all of them');

# ---- xids ----

# Moves the xids of the server, which is down for it.
sub reset_wal
{
	my (@options) = @_;
	$node->stop;
	$node->command_ok([ 'pg_resetwal', @options, '-D', $node->data_dir ], "pg_resetwal @options");
	$node->start;
	return;
}

sub next_xid
{
	return $node->safe_psql('postgres', 'SELECT pg_snapshot_xmax(pg_current_snapshot())');
}

# marks that are pending, of transactions that committed and one that did not
sub leave_marks
{
	my $old = $node->background_psql('postgres', on_error_stop => 0);
	$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM app.tb_user');
	$node->safe_psql('postgres', churn(10, 1));
	$node->safe_psql('postgres', "BEGIN; UPDATE app.tb_post SET title = 'undone'; ROLLBACK");
	cmp_ok(store_field($node, 'postgres', 'marks_pending'), '>', 0, 'marks are pending');
	return $old;
}

# The next xid a segment of the commit log later, as after half a million
# transactions.
my $old = leave_marks();
my $xid = 1048576;
append_to_file($node->data_dir . '/pg_xact/0001', "\0" x 262144);
reset_wal('-x', $xid);
eval { $old->quit };
cmp_ok(next_xid(), '>=', $xid, 'xids have gone on');
is_well('later xids');

# An epoch later: as after a wraparound.
$old = leave_marks();
reset_wal('-e', 1);
eval { $old->quit };
cmp_ok(next_xid(), '>', 2**32, 'xids are in the next epoch');
is_well('the next epoch');

# With marks of that epoch, back to the one before: floors lie in the future.
$old = leave_marks();
reset_wal('-e', 0);
eval { $old->quit };
cmp_ok(next_xid(), '<', 2**32, 'xids have gone back');
is_equal($node, 'postgres', 'back an epoch: at first');
like(store_field($node, 'postgres', 'reset_reason'), qr/newer than the database cluster/, 'back an epoch: tview.store says why it is empty');
is_well('back an epoch');

# The same without marks: the floor alone lies in the future.
reset_wal('-e', 1);
$node->safe_psql('postgres', "SELECT tview.reset('tviews')");
is_well('the next epoch, again');
reset_wal('-e', 0);
is_well('back an epoch, again');
$node->stop;

done_testing();
