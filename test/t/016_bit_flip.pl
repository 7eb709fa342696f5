# Proves: bits that have flipped in the middle of the store's files lead to no wrong row, and to one crash at the most, after which the store is made anew.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TviewTest;

my $node = new_cluster('main', 'restart_after_crash = on');
$node->start;
load_schema($node, 'postgres');
create_tviews($node, 'postgres');
my $directory = store_directory($node, 'postgres');

# Flips a bit in every so many bytes of a file.
sub flip
{
	my ($path, $every) = @_;
	open(my $file, '+<:raw', $path) or die "could not open $path: $!";
	my $size = -s $path;
	for (my $at = $every / 2; $at < $size; $at += $every)
	{
		seek($file, $at, 0);
		read($file, my $byte, 1);
		seek($file, $at, 0);
		print $file chr(ord($byte) ^ (1 << ($at / $every) % 8));
	}
	close($file) or die "could not write $path: $!";
	return;
}

# Changes bytes of a file in place.
sub overwrite
{
	my ($path, $at, $bytes) = @_;
	open(my $file, '+<:raw', $path) or die "could not open $path: $!";
	seek($file, $at, 0);
	print $file $bytes;
	close($file) or die "could not write $path: $!";
	return;
}

# A statement again, where a backend crashes, once the server is back; the
# number of crashes as well.
sub retry
{
	my ($sql) = @_;
	my $crashes = 0;
	my @result;
	for (1 .. 8)
	{
		@result = $node->psql('postgres', $sql);
		last if $result[0] == 0;
		$crashes++;
		wait_for(sub { ($node->psql('postgres', 'SELECT 1'))[0] == 0 }, 30);
	}
	return (@result, $crashes);
}

for my $round (1 .. 6)
{
	my $every = 4096 * $round + 700 * $round;
	$node->safe_psql('postgres', "SELECT tview.refresh('app.tv_' || x) FROM unnest('{user,post,comment,rank,feed}'::text[]) x");
	# what others have verified is good until the next start, or for a second
	$node->append_conf('postgresql.conf',
		'tview.checksum_interval = ' . ($round % 2 ? 300 : 1));
	if ($round % 2)
	{
		$node->stop;
		flip({ epoch_files($directory) }->{'data.mdb'}, $every);
		$node->start;
	}
	else
	{
		$node->reload;
		flip({ epoch_files($directory) }->{'data.mdb'}, $every);
		sleep(2);
	}
	my ($status, $out, $err, $crashes) = retry(check_sql());
	is($status, 0, "every $every bytes: a statement comes to its end");
	is($out, '', "every $every bytes: reads are right");
	cmp_ok($crashes, '<=', 1, "every $every bytes: one crash at the most");
	($status, $out, $err, $crashes) = retry(churn(10, 1));
	cmp_ok($crashes, '<=', 1, "every $every bytes: writes");
	($status, $out) = retry(check_sql());
	is($out, '', "every $every bytes: reads after writes are right");
	# what nobody has read is not known to be damaged
	$node->safe_psql('postgres', "SELECT tview.reset('tviews')");
	is_equal($node, 'postgres', "every $every bytes: after tview.reset");
}
# Marks that are pending, and damaged.
for my $round (1 .. 3)
{
	my $old = $node->background_psql('postgres');
	$old->query_safe("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM app.tb_user");
	$node->safe_psql('postgres', churn(20, 1));
	$node->stop('immediate');
	eval { $old->quit };
	my %files = epoch_files($directory);
	# the first record stands behind a header of 4096 bytes
	overwrite($files{marks}, 4096 + 64 * $round, pack('L*', map { int(rand(2**32)) } 1 .. 16));
	$node->start;
	is_equal($node, 'postgres', "a pending mark is garbage ($round)");
	$node->safe_psql('postgres', "SELECT tview.reset('tviews')");
}
$node->stop;

done_testing();
