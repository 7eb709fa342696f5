# Proves: a store that is newer than its cluster, whose files were put back to an earlier state around it, is not trusted.

use strict;
use warnings FATAL => 'all';

use File::Path qw(rmtree);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::RecursiveCopy;
use PostgreSQL::Test::Utils;
use Test::More;
use TviewTest;

my $node = new_cluster('main');
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

# the very files of the store stay, all others are put back
my $aside = $node->basedir . '/store';
rename($store, $aside) or die "could not rename $store: $!";
rmtree($node->data_dir);
rename($earlier, $node->data_dir) or die "could not rename $earlier: $!";
chmod 0700, $node->data_dir;
rmtree($store);
rename($aside, $store) or die "could not rename $aside: $!";
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
$node->stop;

done_testing();
