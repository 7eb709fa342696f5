# Proves: on a hot standby TVIEWs equal their views (the view is run), also while changes are replayed; after promotion they are served again, whatever the directory of the store held.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::RecursiveCopy;
use PostgreSQL::Test::Utils;
use Test::More;
use TviewTest;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1, extra => [ '-E', 'UTF8', '--locale=C' ]);
TviewTest::configure($primary, 'hot_standby_feedback = on', 'max_standby_streaming_delay = -1',
	'wal_keep_size = 512MB');
$primary->start;
load_schema($primary, 'postgres');
create_tviews($primary, 'postgres');

$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
is(scalar(store_directories($standby)), 0, 'the backup has no store');
$primary->wait_for_catchup($standby);
is_equal($standby, 'postgres', 'the standby');
my $figures = figures($standby, 'postgres', 'SELECT * FROM app.tv_post');
is($figures->{served}, 0, 'the standby serves nothing from a store');
like($figures->{bypass}, qr/./, 'and has a reason: ' . $figures->{bypass});
is(scalar(store_directories($standby)), 0, 'nor does it make a store');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM tview.store'), '1', 'tview.store can be read');
like($standby->safe_psql('postgres', 'SELECT state FROM tview.store'), qr/recovery/, 'and says why');
$standby->safe_psql('postgres', $_) for 'TABLE tview.cache_stats', 'TABLE tview.progress', 'TABLE tview.lineage', 'TABLE tview.status';

my $reader = start_session($standby, 'postgres', 'reader', check_sql('post', 'user') . ';');
$primary->safe_psql('postgres', churn(30, 1)) for 1 .. 6;
$primary->safe_psql('postgres', 'TRUNCATE app.tb_comment');
$primary->safe_psql('postgres', churn(30, 1));
$primary->wait_for_catchup($standby);
my ($out, $error, $rounds) = stop_session($reader);
is($out, '', "no difference while changes are replayed ($rounds rounds)");
is($error, '', 'no error while changes are replayed');
is_equal($standby, 'postgres', 'the standby after changes');

# Something that only the primary's store has, and a store that is a copy of it.
my $session = $standby->background_psql('postgres', on_error_stop => 0);
is(check_in($session), '', 'a session of the standby');
my $from = store_directory($primary, 'postgres');
my $to = $from =~ s/\Q@{[$primary->data_dir]}\E/$standby->data_dir/er;
$primary->safe_psql('postgres', "SELECT tview.refresh('app.tv_' || x) FROM unnest('{user,post,comment}'::text[]) x");
PostgreSQL::Test::RecursiveCopy::copypath($from, $to);
$primary->safe_psql('postgres', "UPDATE app.tb_user SET name = 'after the copy' WHERE pk_user < 5");
$primary->wait_for_catchup($standby);
$primary->stop('immediate');

$standby->promote;
$standby->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
is_equal($standby, 'postgres', 'after promotion');
is(check_in($session), '', 'after promotion: a session from before');
like($session->query("UPDATE app.tb_user SET name = 'new times' WHERE pk_user = 6 RETURNING name"), qr/new times/, 'that session writes');
is_equal($standby, 'postgres', 'after promotion and a write');
$standby->safe_psql('postgres', churn(30, 1));
is_equal($standby, 'postgres', 'after promotion and writes');
is_warm($standby, 'postgres', 'after promotion', user => 15, post => 40, comment => 1);
$session->quit;
$standby->restart;
is_warm($standby, 'postgres', 'after promotion and a restart', user => 15, post => 40, comment => 1);
is_equal($standby, 'postgres', 'after promotion and a restart');

# pg_rewind of the old primary, whose store is from another timeline.
$standby->safe_psql('postgres', 'CHECKPOINT');
$primary->start;
$primary->safe_psql('postgres', "UPDATE app.tb_user SET name = 'never happened' WHERE pk_user = 7");
is_equal($primary, 'postgres', 'the old primary');
$primary->stop;
my $conf = slurp_file($primary->data_dir . '/postgresql.conf');
$standby->safe_psql('postgres', churn(30, 1));
$primary->command_ok(
	[ 'pg_rewind', '-D', $primary->data_dir, '--source-server', $standby->connstr('postgres'), '-N' ], 'pg_rewind');
# (it has brought the other's configuration)
unlink $primary->data_dir . '/postgresql.conf';
append_to_file($primary->data_dir . '/postgresql.conf', $conf);
append_to_file($primary->data_dir . '/standby.signal', '');
$primary->append_conf('postgresql.conf', sprintf("primary_conninfo = '%s'", $standby->connstr));
$primary->start;
$standby->wait_for_catchup($primary);
is_equal($primary, 'postgres', 'the rewound one as a standby');
$standby->stop;
$primary->promote;
$primary->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
is_equal($primary, 'postgres', 'the rewound one, promoted');
$primary->safe_psql('postgres', churn(10, 1));
is_equal($primary, 'postgres', 'the rewound one, after writes');
$primary->stop;

done_testing();
