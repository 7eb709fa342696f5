# Proves: where the kernel's boot id cannot be read, a store that is not synced does not outlive the server: nobody can tell whether the machine has been restarted.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TviewFault;
use TviewTest;

local $ENV{TVIEW_FAULT_NO_BOOT_ID} = 1;

my $node = new_cluster('main', 'autovacuum = off');
start_with_faults($node);
load_schema($node, 'postgres');
create_tviews($node, 'postgres');
is_equal($node, 'postgres', 'at first');

sub epoch
{
	$node->safe_psql('postgres', 'SELECT count(*) FROM app.tv_post');
	return store_field($node, 'postgres', 'epoch');
}

my $epoch = epoch();
is(epoch(), $epoch, 'all sessions have the same store');
is_warm($node, 'postgres', 'they are served');

$node->stop;
start_with_faults($node);
isnt(epoch(), $epoch, 'after a restart the store is a new one');
is(store_field($node, 'postgres', 'reset_reason'), 'files of another owner, boot or format', 'tview.store says why');
is_equal($node, 'postgres', 'after a restart');

# a store that is synced stays
$node->safe_psql('postgres', "ALTER SERVER tviews OPTIONS (ADD sync 'on')");
$epoch = epoch();
$node->stop;
start_with_faults($node);
is(epoch(), $epoch, 'a store that is synced outlives a restart');
is_equal($node, 'postgres', 'after another restart');
$node->stop;

done_testing();
