# Proves: where another extension keeps the executor's hooks from being called, statements that change base tables are noticed by the rows they change, and from then on by their locks.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TviewTest;

my $module = "$PostgreSQL::Test::Utils::tmp_check/unannounced.so";
system_or_bail('gcc', '-fPIC', '-shared', '-O1', "-I$ENV{INCLUDEDIR_SERVER}",
	'-o', $module, "$ENV{TESTDIR}/test/t/unannounced.c");

my $node = new_cluster('main');
$node->start;
load_schema($node, 'postgres');
create_tviews($node, 'postgres');
$node->safe_psql('postgres', <<~"SQL");
	CREATE FUNCTION unannounced(text) RETURNS void AS '$module', 'unannounced' LANGUAGE C STRICT;
	CREATE TABLE seen (what text, differences bigint);
	CREATE FUNCTION peek(what text) RETURNS text LANGUAGE plpgsql AS \$\$
	BEGIN
		INSERT INTO seen SELECT what, count(*) FROM (
			(TABLE app.tv_user EXCEPT ALL TABLE app.v_user) UNION ALL (TABLE app.v_user EXCEPT ALL TABLE app.tv_user)) d;
		RETURN what;
	END \$\$;
	CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN PERFORM peek('trigger'); RETURN NULL; END \$\$;
	CREATE TRIGGER "~look" AFTER INSERT OR UPDATE OR DELETE ON app.tb_user FOR EACH ROW EXECUTE FUNCTION look();
SQL
is_equal($node, 'postgres', 'at first');

# the library is there, and not in doubt
my $session = $node->background_psql('postgres');
is(check_in($session, 'user'), '', 'a session');
# a table that is locked without having been announced
$session->query_safe(q{SELECT unannounced($$UPDATE app.tb_user SET name = peek('at once')$$)});
is(seen(), 'at once 20 0, trigger 20 0', 'a function in the first such statement');
$session->quit;
$session = $node->background_psql('postgres');
is(check_in($session, 'user'), '', 'another session');
# our trigger notices: those that fire behind it read what is right
$session->query_safe(q{SELECT unannounced($$UPDATE app.tb_user SET name = 'first'$$)});
is(seen(), 'trigger 20 0', 'triggers');
# the next ones are right in each part
$session->query_safe(q{SELECT unannounced($$UPDATE app.tb_user SET name = peek('update')$$)});
is(seen(), 'trigger 20 0, update 20 0', 'a function in the next statement');
$session->query_safe(q{BEGIN; UPDATE app.tb_user SET name = 'before' WHERE pk_user = 1;
	SELECT unannounced($$UPDATE app.tb_user SET name = peek('behind')$$); COMMIT});
is(seen(), 'behind 20 0, trigger 21 0', 'and behind a statement that is announced');
$session->query_safe(q{BEGIN; UPDATE app.tb_user SET name = peek('announced') WHERE pk_user < 3});
is(check_in($session, 'user'), '', 'within a transaction');
$session->query_safe(q{COMMIT});
is(seen(), 'announced 2 0, trigger 2 0', 'statements that are announced');
$session->quit;
is_equal($node, 'postgres', 'at the end');
$node->stop;

done_testing();

# What was seen since the last time: where, how often, differences.
sub seen
{
	return $node->safe_psql('postgres', q{
		WITH s AS (DELETE FROM seen RETURNING *)
		SELECT string_agg(t::text, ', ' ORDER BY t) FROM (SELECT concat_ws(' ', what, count(*), sum(differences)) AS t FROM s GROUP BY what) t;});
}
