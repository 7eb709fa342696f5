# Proves: base backups leave the store out, a cold copy of the files is not trusted, and pg_checksums and pg_amcheck find nothing to say about a cluster with stores.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::RecursiveCopy;
use PostgreSQL::Test::Utils;
use Test::More;
use TviewTest;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(allows_streaming => 1, extra => [ '-E', 'UTF8', '--locale=C', '--data-checksums' ]);
TviewTest::configure($node, 'archive_mode = on', "archive_command = 'cp %p " . $node->archive_dir . "/%f'");
$node->start;
load_schema($node, 'postgres');
create_tviews($node, 'postgres');

# a backup while there are changes
my $writer = start_session($node, 'postgres', 'writer', churn(20, 1));
$node->backup('hot');
my ($out, $error) = stop_session($writer);
is($error, '', 'writes during the backup');
is_equal($node, 'postgres', 'the original');

my $copy = PostgreSQL::Test::Cluster->new('copy');
$copy->init_from_backup($node, 'hot');
is(scalar(store_directories($copy)), 0, 'the backup has no store');
$copy->start;
is_equal($copy, 'postgres', 'the copy');
$copy->safe_psql('postgres', churn(20, 1));
is_equal($copy, 'postgres', 'the copy after changes');
$copy->stop;
$copy->command_ok([ 'pg_checksums', '--check', '-D', $copy->data_dir ], 'pg_checksums of the copy, with its store');

# a cold copy has everything, also what only looks right
$node->safe_psql('postgres', "SELECT tview.refresh('app.tv_post')");
$node->stop;
$node->command_ok([ 'pg_checksums', '--check', '-D', $node->data_dir ], 'pg_checksums');
$node->backup_fs_cold('cold');
$node->start;
my $cold = PostgreSQL::Test::Cluster->new('cold');
$cold->init_from_backup($node, 'cold');
is(scalar(store_directories($cold)), 1, 'a cold copy has a store');
$cold->start;
# the same xids, other changes, on both sides
$node->safe_psql('postgres', "UPDATE app.tb_user SET name = 'original' WHERE pk_user < 8");
$cold->safe_psql('postgres', "UPDATE app.tb_user SET name = 'copy' WHERE pk_user BETWEEN 5 AND 10");
is_equal($cold, 'postgres', 'the cold copy');
is_equal($node, 'postgres', 'the original beside it');
$cold->safe_psql('postgres', churn(20, 1));
is_equal($cold, 'postgres', 'the cold copy after changes');
is_warm($cold, 'postgres', 'the cold copy', user => 10, post => 30, comment => 50);
$cold->stop;

# recovery to a point before what the store knows
my $name = $node->safe_psql('postgres', "SELECT pg_create_restore_point('early')");
$node->safe_psql('postgres', "UPDATE app.tb_user SET name = 'late'; INSERT INTO app.tb_post (fk_user, title) SELECT pk_user, 'late' FROM app.tb_user");
is_equal($node, 'postgres', 'late');
$node->safe_psql('postgres', 'SELECT pg_switch_wal()');
$node->poll_query_until('postgres', "SELECT last_archived_wal >= pg_walfile_name('$name') FROM pg_stat_archiver");
$node->stop;
my $early = PostgreSQL::Test::Cluster->new('early');
$early->init_from_backup($node, 'hot', has_restoring => 1, standby => 0);
# the store of what will not have happened, put where the server will look
my $from = (store_directories($node))[0];
my $to = $from =~ s/\Q@{[$node->data_dir]}\E/$early->data_dir/er;
PostgreSQL::Test::RecursiveCopy::copypath($from, $to);
$early->append_conf('postgresql.conf', "recovery_target_name = 'early'\nrecovery_target_action = promote");
$early->start;
$early->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
is($early->safe_psql('postgres', "SELECT count(*) FROM app.tv_user WHERE data->>'name' = 'late'"), '0', 'nothing late is there');
is_equal($early, 'postgres', 'at a point in time');
$early->safe_psql('postgres', churn(20, 1));
is_equal($early, 'postgres', 'at a point in time, after changes');
$early->stop;
$early->command_ok([ 'pg_checksums', '--check', '-D', $early->data_dir ], 'pg_checksums at the end');

done_testing();
