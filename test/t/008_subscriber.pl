# Proves: on a logical replication subscriber, TVIEWs over replicated tables are fresh as soon as the changes are applied, and our own tables are not replicated.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TviewTest;

my $publisher = PostgreSQL::Test::Cluster->new('publisher');
$publisher->init(allows_streaming => 'logical', extra => [ '-E', 'UTF8', '--locale=C' ]);
TviewTest::configure($publisher);
$publisher->start;
my $subscriber = new_cluster('subscriber');
$subscriber->start;

load_schema($publisher, 'postgres');
create_tviews($publisher, 'postgres');
# the subscriber has the tables without rows, and its own TVIEWs
load_schema($subscriber, 'postgres');
$subscriber->safe_psql('postgres', 'TRUNCATE app.tb_user, app.tb_post, app.tb_comment');
create_tviews($subscriber, 'postgres');
# triggers that compare, before the rows that a command changes are marked
$subscriber->safe_psql('postgres', <<~'SQL');
	CREATE TABLE public.seen (what text, differences bigint);
	CREATE FUNCTION public.look() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO public.seen SELECT TG_WHEN || ' ' || TG_OP, count(*) FROM (
			(TABLE app.tv_user EXCEPT ALL TABLE app.v_user) UNION ALL (TABLE app.v_user EXCEPT ALL TABLE app.tv_user)) d;
		IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
		RETURN NEW;
	END $$;
	CREATE TRIGGER "!before" BEFORE INSERT OR UPDATE OR DELETE ON app.tb_user FOR EACH ROW EXECUTE FUNCTION public.look();
	CREATE TRIGGER "!after" AFTER INSERT OR UPDATE OR DELETE ON app.tb_user FOR EACH ROW EXECUTE FUNCTION public.look();
	ALTER TABLE app.tb_user ENABLE ALWAYS TRIGGER "!before", ENABLE ALWAYS TRIGGER "!after";
SQL
my $session = $subscriber->background_psql('postgres', on_error_stop => 0);
is(check_in($session), '', 'nothing is replicated yet');

$publisher->safe_psql('postgres', 'CREATE PUBLICATION everything FOR ALL TABLES');
# tables of ours are published as well: their rows are dropped on arrival
$subscriber->safe_psql('postgres', sprintf("CREATE SUBSCRIPTION everything CONNECTION '%s' PUBLICATION everything",
	$publisher->connstr('postgres') =~ s/'/''/gr));
$subscriber->wait_for_subscription_sync($publisher, 'everything');
is($subscriber->safe_psql('postgres', 'SELECT count(*) FROM app.tb_post'), '100', 'the first copy has arrived');
is_equal($subscriber, 'postgres', 'after the first copy');
is(seen(), 'AFTER INSERT 0, BEFORE INSERT 0', 'triggers within the first copy');
is(check_in($session), '', 'after the first copy: a session from before');
is($subscriber->safe_psql('postgres', 'SELECT count(*) FROM tview.tviews t JOIN pg_foreign_table f ON f.ftrelid = t.relid'),
	'5', 'the subscriber knows its own TVIEWs');
is($subscriber->safe_psql('postgres', 'SELECT count(*) FROM tview.tviews'), '5', 'and no others');

is_warm($subscriber, 'postgres', 'before the changes', user => 20, post => 50, comment => 150);
# the worker's first changes: in doubt about what has loaded the library is
# only the first of them
$publisher->safe_psql('postgres', "UPDATE app.tb_user SET name = name || '+' WHERE pk_user IN (3, 4, 5)");
$publisher->wait_for_catchup('everything');
is(seen(), 'AFTER UPDATE 0, BEFORE UPDATE 0', 'triggers while the first changes are applied');

for my $round (1 .. 5)
{
	$publisher->safe_psql('postgres', churn(40, $round % 2));
	$publisher->wait_for_catchup('everything');
	is_equal($subscriber, 'postgres', "round $round: the subscriber");
	is(check_in($session, 'post', 'comment'), '', "round $round: a session from before");
}
like(seen(), qr/^AFTER \w+ 0(, (AFTER|BEFORE) \w+ 0)+$/, 'triggers while changes are applied');
is($subscriber->safe_psql('postgres', "SELECT count(*) FROM app.tb_post"),
	$publisher->safe_psql('postgres', "SELECT count(*) FROM app.tb_post"), 'all was applied');
is($subscriber->safe_psql('postgres', "SELECT md5(string_agg(data::text, ' ' ORDER BY pk_post)) FROM app.tv_post"),
	$publisher->safe_psql('postgres', "SELECT md5(string_agg(data::text, ' ' ORDER BY pk_post)) FROM app.tv_post"),
	"both sides' TVIEWs say the same");

# while changes stream in, and TRUNCATE
my $reader = start_session($subscriber, 'postgres', 'reader', check_sql('post', 'user') . ';');
$publisher->safe_psql('postgres', churn(30, 1)) for 1 .. 5;
$publisher->safe_psql('postgres', 'TRUNCATE app.tb_comment');
$publisher->safe_psql('postgres', churn(30, 1));
$publisher->wait_for_catchup('everything');
my ($out, $error) = stop_session($reader);
is($out, '', 'no difference while changes are applied');
is($error, '', 'no error while changes are applied');
is_equal($subscriber, 'postgres', 'at the end');
is_equal($publisher, 'postgres', 'the publisher at the end');

# local writes on the subscriber as well
$subscriber->safe_psql('postgres', "UPDATE app.tb_user SET name = 'local' WHERE pk_user = 3");
is_equal($subscriber, 'postgres', 'a local write');
$session->quit;
$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION everything');
$_->stop for $subscriber, $publisher;

done_testing();

# What the triggers have seen since the last time: commands, and differences.
sub seen
{
	return $subscriber->safe_psql('postgres', q{
		WITH s AS (DELETE FROM public.seen RETURNING *)
		SELECT string_agg(t::text, ', ' ORDER BY t) FROM (SELECT what || ' ' || sum(differences) AS t FROM s GROUP BY what) t;});
}
