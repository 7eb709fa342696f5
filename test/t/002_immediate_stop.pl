# Proves: an immediate stop in the middle of writes leaves TVIEWs that equal their views, and a store that is still warm, as after a clean restart.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TviewTest;

my $node = new_cluster('main');
$node->start;
load_schema($node, 'postgres', 2);
create_tviews($node, 'postgres');
is_equal($node, 'postgres', 'at first');
is_warm($node, 'postgres', 'at first');
# the writers below leave at least these alone
my %untouched = (user => 30, post => 140, comment => 400);
my $epoch = store_field($node, 'postgres', 'epoch');

$node->restart;
is_warm($node, 'postgres', 'after a clean restart');
is_equal($node, 'postgres', 'after a clean restart');

for my $round (1 .. 3)
{
	my @writers = map { start_session($node, 'postgres', "writer$_", churn(100, 1, 2, 6)) } 1 .. 3;
	my $reader = start_session($node, 'postgres', 'reader', check_sql() . ';');
	sleep 2;
	$node->stop('immediate');
	my ($out, $error) = stop_session($reader);
	is($out, '', "round $round: no difference before the stop");
	is($error, '', "round $round: no error of the reader");
	for my $writer (@writers)
	{
		(undef, $error) = stop_session($writer);
		is($error, '', "round $round: no error of $writer->{name}");
	}
	$node->start;
	# what was marked and not settled is recomputed, no more
	is_warm($node, 'postgres', "round $round: after the crash", %untouched);
	is_equal($node, 'postgres', "round $round: after the crash");
	is_equal($node, 'postgres', "round $round: once more");
}

is(store_field($node, 'postgres', 'epoch'), $epoch, 'the store was never reset');
$node->restart;
is_warm($node, 'postgres', 'at the end', %untouched);
is_equal($node, 'postgres', 'at the end');
is($node->safe_psql('postgres', "SELECT v.* FROM unnest('{user,post,comment,rank,feed}'::text[]) x,
	tview.verify(('app.tv_' || x)::regclass) v"), '', 'the store verifies');
$node->stop;

done_testing();
