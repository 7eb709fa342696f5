# Proves: a full disk, of the store alone or of all data, costs no row, fails no write that PostgreSQL itself does not fail, is named in tview.store, and is over when there is room again.

use strict;
use warnings FATAL => 'all';

# With user namespaces real file systems are filled: the test begins again
# where they are mounted.  A preloaded library fills disks everywhere.
my @mounts;

BEGIN
{
	my $dir = ($ENV{TESTDATADIR} // ($ENV{TESTDIR} // '.') . '/tmp_check') . '/020_disk_full';
	@mounts = ("$dir/store", "$dir/data");
	my @unshare = ('unshare', '--mount', '--user', '--map-current-user', '--keep-caps', 'sh', '-c');
	if (!exists $ENV{TVIEW_MOUNTED})
	{
		system('mkdir', '-p', @mounts);
		my $mount = "mount -t tmpfs -o size=3m,mode=700 none '$mounts[0]' && mount -t tmpfs -o size=160m,mode=700 none '$mounts[1]'";
		if (system(@unshare, "($mount) 2>/dev/null") == 0)
		{
			local $ENV{TVIEW_MOUNTED} = 1;
			exec(@unshare, "$mount && exec setpriv --ambient-caps -all --inh-caps -all \"\$0\" \"\$@\"",
				$^X, (map { "-I$_" } @INC), $0, @ARGV);
		}
		@mounts = ();
	}
}

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TviewFault;
use TviewTest;

my $names = "unnest('{user,post,comment}'::text[]) x";

# Fills the file system to its last byte, and gives the room back.
sub fill_up
{
	my ($mount) = @_;
	open(my $file, '>', "$mount/filler") or die "could not create a file: $!";
	for my $size (65536, 4096, 1)
	{
		1 while syswrite($file, 'x' x $size);
	}
	close($file);
	return;
}

sub make_room
{
	my ($mount) = @_;
	unlink("$mount/filler") or die "could not remove a file: $!";
	return;
}

# Writes and reads in an old session and in new ones.
sub works
{
	my ($node, $old, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my (undef, $failed) = $old->query("UPDATE app.tb_user SET name = '$what' WHERE pk_user BETWEEN 5 AND 9");
	is($failed, 0, "$what: an old session writes");
	is(check_in($old, 'post', 'user'), '', "$what: it reads what the view has");
	my ($status, $out, $err) = $node->psql('postgres', churn(20, 1));
	is($err, '', "$what: a new session writes");
	is_equal($node, 'postgres', "$what: another one", 'post', 'comment');
	return;
}

# Documents that need more room than there is.
my $grow = "UPDATE app.tb_comment SET body = (SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 60))";

# The stores' disk: $full and $room fill it and give room back.
sub store_disk
{
	my ($node, $what, $options, $full, $room) = @_;
	$node->safe_psql('postgres', 'SELECT 1');
	load_schema($node, 'postgres');
	$full->();
	# not even the first file
	eval { create_tviews($node, 'postgres', join(', ', "mark_log_size '64kB'", @$options)) };
	like($@, qr/ERROR:  could not empty the store of [^\n]*: no space left on device/, "$what, full from the start: all can be made, and tview.refresh says why it cannot fill");
	my $old = $node->background_psql('postgres', on_error_stop => 0);
	works($node, $old, "$what, full from the start");
	like(store_field($node, 'postgres', 'state'), qr/no space/i, "$what, full from the start: tview.store says why");
	like(figures($node, 'postgres', 'SELECT * FROM app.tv_post')->{bypass}, qr/no space/i, "$what, full from the start: EXPLAIN does");
	$room->();
	works($node, $old, "$what, room at last");
	$node->safe_psql('postgres', "SELECT tview.refresh('app.tv_' || x) FROM $names");
	is_warm($node, 'postgres', "$what, room at last");
	is(store_field($node, 'postgres', 'state'), 'ok', "$what, room at last: tview.store is content");

	# while it is in use: marks have their room, rows do not
	$full->();
	works($node, $old, "$what, full in use");
	$node->safe_psql('postgres', $grow);
	is_equal($node, 'postgres', "$what, full in use: large documents");
	works($node, $old, "$what, full in use, with large documents");
	my $said = store_field($node, 'postgres', "state || ' ' || coalesce(reset_reason, '')");
	like($said, qr/no space/i, "$what, full in use: tview.store says why");
	# a new epoch cannot begin
	$node->psql('postgres', "SELECT tview.reset('tviews')");
	works($node, $old, "$what, full, after a reset");
	$room->();
	$node->safe_psql('postgres', "UPDATE app.tb_comment SET body = 'short'");
	works($node, $old, "$what, room again");
	$node->safe_psql('postgres', "SELECT tview.refresh('app.tv_' || x) FROM $names");
	is_warm($node, 'postgres', "$what, room again");
	is(store_field($node, 'postgres', 'state'), 'ok', "$what, room again: tview.store is content");
	$old->quit;
	return;
}

# The disk of all data: PostgreSQL's own writes may fail, with its own words.
sub data_disk
{
	my ($node, $what, $full, $room) = @_;
	my $old = $node->background_psql('postgres', on_error_stop => 0);
	is(check_in($old), '', "$what: before");
	$full->();
	my $failures = 0;
	for my $i (1 .. 10)
	{
		my ($status, $out, $err) = $node->psql('postgres',
			"INSERT INTO app.tb_post (fk_user, title) SELECT 1 + i % 5, repeat('full $i', 100) FROM generate_series(1, 100) i; UPDATE app.tb_user SET name = 'full $i' WHERE pk_user = $i");
		next if $status == 0;
		$failures++;
		like($err, qr/No space left on device/, "$what: write $i fails for want of room");
		unlike($err, qr/tview|WARNING/, "$what: write $i is not failed by us");
	}
	cmp_ok($failures, '>', 0, "$what: the disk is full ($failures failures)");
	is(check_in($old), '', "$what: an old session reads what the view has");
	is_equal($node, 'postgres', "$what: a new one");
	$node->psql('postgres', "SELECT tview.reset('tviews')");
	is_equal($node, 'postgres', "$what: after a reset");
	like(store_field($node, 'postgres', 'state'), qr/no space|empty/i, "$what: tview.store says so");
	$room->();
	is(check_in($old), '', "$what, room again: an old session");
	$node->safe_psql('postgres', churn(20, 1));
	is_equal($node, 'postgres', "$what, room again: a new one");
	$node->safe_psql('postgres', "SELECT tview.refresh('app.tv_' || x) FROM $names");
	is_warm($node, 'postgres', "$what, room again");
	is(store_field($node, 'postgres', 'state'), 'ok', "$what, room again: tview.store is content");
	$old->quit;
	return;
}

my $node = new_cluster('preloaded');
start_with_faults($node);
store_disk($node, 'store, preloaded', [], sub { disk_is_full('store') }, sub {
	cmp_ok(disk_was_full(), '>', 0, 'writes have found the disk full');
	disk_is_full(0);
});
data_disk($node, 'data, preloaded', sub { disk_is_full('data') }, sub { disk_is_full(0) });
$node->stop;

if (!@mounts)
{
	note('no file system can be mounted here: the preloaded library alone fills disks');
	done_testing();
	exit;
}

$node = new_cluster('mounted', "max_wal_size = 32MB", "wal_keep_size = 0");
rename($node->data_dir, "$mounts[1]/pgdata") or system('cp', '-a', $node->data_dir, "$mounts[1]/pgdata") == 0 or die;
system('rm', '-rf', $node->data_dir);
symlink("$mounts[1]/pgdata", $node->data_dir) or die "could not make a link: $!";
$node->start;
store_disk($node, 'store, mounted', ["store_path '$mounts[0]'"], sub { fill_up($mounts[0]) }, sub { make_room($mounts[0]) });
$node->safe_psql('postgres', 'ALTER SERVER tviews OPTIONS (DROP store_path)');
is_equal($node, 'postgres', 'the store has moved to the data');
data_disk($node, 'data, mounted', sub { fill_up($mounts[1]) }, sub { make_room($mounts[1]) });
$node->stop;

done_testing();
