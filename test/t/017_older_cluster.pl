# Proves: a store that is newer than its cluster, whose files were put back to an earlier state around it, is not trusted.

use strict;
use warnings FATAL => 'all';

use File::Path qw(rmtree);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::RecursiveCopy;
use PostgreSQL::Test::Utils;
use Test::More;
use TviewTest;

# All files are put back, but for the very files of the store.
sub put_back
{
	my ($earlier, $store) = @_;
	our $node;
	my $aside = $node->basedir . '/store';
	rename($store, $aside) or die "could not rename $store: $!";
	rmtree($node->data_dir);
	PostgreSQL::Test::RecursiveCopy::copypath($earlier, $node->data_dir);
	chmod 0700, $node->data_dir;
	rmtree($store);
	rename($aside, $store) or die "could not rename $aside: $!";
	return;
}

our $node = new_cluster('main', 'wal_level = replica');
$node->start;
load_schema($node, 'postgres');
create_tviews($node, 'postgres');
is_equal($node, 'postgres', 'at first');
$node->stop;
my $earlier = $node->basedir . '/earlier';
PostgreSQL::Test::RecursiveCopy::copypath($node->data_dir, $earlier);

# what will not have happened
$node->start;
$node->safe_psql('postgres',
	"UPDATE app.tb_user SET name = 'late' WHERE pk_user < 8;
	 DELETE FROM app.tb_comment WHERE fk_post < 5;
	 INSERT INTO app.tb_post (pk_post, fk_user, title) VALUES (3000, 2, 'late')");
is_equal($node, 'postgres', 'late');
my $store = (store_directories($node))[0];
$node->stop;

put_back($earlier, $store);
$node->start;
is($node->safe_psql('postgres', "SELECT count(*) FROM app.tv_user WHERE data->>'name' = 'late'"), '0', 'nothing late is there');
is_equal($node, 'postgres', 'put back');
is(store_field($node, 'postgres', 'reset_reason'), 'the store is newer than the database cluster', 'the store says why');
# other changes under the same xids
$node->safe_psql('postgres',
	"UPDATE app.tb_user SET name = 'again' WHERE pk_user BETWEEN 5 AND 10;
	 UPDATE app.tb_post SET title = 'again' WHERE pk_post = 9;
	 DELETE FROM app.tb_comment WHERE fk_post = 9");
is_equal($node, 'postgres', 'put back, after changes');
$node->safe_psql('postgres', churn(20, 1));
is_equal($node, 'postgres', 'put back, after more changes');

# recovery in place leads to another timeline, and may have passed the store's
# place in the WAL before anybody looks at it
$store = (store_directories($node))[0];
$node->stop;
rmtree($earlier);
PostgreSQL::Test::RecursiveCopy::copypath($node->data_dir, $earlier);
$node->start;
$node->safe_psql('postgres',
	"UPDATE app.tb_user SET name = 'too late' WHERE pk_user < 8; DELETE FROM app.tb_comment WHERE fk_post < 20");
is_equal($node, 'postgres', 'too late');
$node->stop;
put_back($earlier, $store);
$node->append_conf('postgresql.conf', "restore_command = 'false'");
$node->set_recovery_mode;
$node->start;
$node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
$node->safe_psql('postgres', 'SELECT txid_current(); SELECT pg_switch_wal(); ' x 3);
is($node->safe_psql('postgres', "SELECT count(*) FROM app.tv_user WHERE data->>'name' = 'too late'"), '0', 'nothing too late is there');
is_equal($node, 'postgres', 'on another timeline');
$node->safe_psql('postgres', churn(20, 1));
is_equal($node, 'postgres', 'on another timeline, after changes');
$node->stop;

done_testing();
