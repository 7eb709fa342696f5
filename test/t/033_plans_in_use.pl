# Proves: a kept plan of a TVIEW that is replaced while it runs - a function of the view reads the TVIEW itself, and an invalidation comes in between - stays in memory until it has ended.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TviewTest;

# auto_explain prints the text of each query when it ends
my $node = new_cluster('main', 'auto_explain.log_min_duration = 0', 'auto_explain.log_nested_statements = on',
	'auto_explain.log_level = log', 'cpu_operator_cost = 10');
$node->start;
$node->safe_psql('postgres', <<~'SQL');
	CREATE EXTENSION tview_fdw;
	CREATE SERVER tviews FOREIGN DATA WRAPPER tview_fdw;
	CREATE SCHEMA app;
	CREATE TABLE app.tb_link (pk_link int PRIMARY KEY, word text);
	INSERT INTO app.tb_link SELECT n, 'w' || n FROM generate_series(1, 8) n;
	CREATE FUNCTION app.before(k int) RETURNS text STABLE LANGUAGE plpgsql AS $$ BEGIN RETURN ''; END $$;
	CREATE VIEW app.v_link AS SELECT pk_link, word, app.before(pk_link) AS before FROM app.tb_link;
	IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app OPTIONS (depends_on 'app.tb_link');
	-- makes every session build its descriptors anew
	CREATE SEQUENCE app.disturbances;
	CREATE FUNCTION app.disturb() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
		EXECUTE format('CREATE ROLE disturbing_%s', nextval('app.disturbances'));
	END $$;
	CREATE OR REPLACE FUNCTION app.before(k int) RETURNS text STABLE LANGUAGE plpgsql AS $$ BEGIN
		IF k > 2 AND current_setting('app.disturb', true) = 'on' THEN
			PERFORM app.disturb();
		END IF;
		RETURN (SELECT concat(l.before, l.word) FROM app.tv_link l WHERE l.pk_link = k - 1);
	END $$;
	CREATE VIEW app.both AS SELECT (SELECT t::text FROM app.tv_link t WHERE pk_link = 7) AS tv, (SELECT v::text FROM app.v_link v WHERE pk_link = 7) AS v;
SQL
my $session = $node->background_psql('postgres', on_error_stop => 0);
my $right = '(7,w7,w1w2w3w4w5w6)|(7,w7,w1w2w3w4w5w6)';
is($session->query('SELECT * FROM app.both'), $right, 'at first');
$node->safe_psql('postgres', 'UPDATE app.tb_link SET word = word');
$session->query(q{SELECT tview.reset('app.tv_link')});
$session->query(q{LOAD 'auto_explain'; SET app.disturb = 'on'});
my $from = -s $node->logfile;
is($session->query('SELECT t FROM app.tv_link t WHERE pk_link = 7'), (split(/\|/, $right))[0], 'with plans that are replaced');
$session->query(q{SET app.disturb = 'off'});
is($session->query('SELECT * FROM app.both'), $right, 'afterwards');
$session->quit;
my @texts = slurp_file($node->logfile, $from) =~ /Query Text:(.*)/g;
cmp_ok(scalar(@texts), '>', 10, 'queries were printed');
is(join("\n", grep { !/^ (\(?SELECT|SET|CREATE ROLE) / } @texts), '', 'with their texts');
$node->stop;

done_testing();
