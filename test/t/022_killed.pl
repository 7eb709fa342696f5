# Proves: a backend that is killed (SIGKILL) at any point of publishing, storing, settling or reading leaves no wrong row, no stuck lock and a store that is still in use.
#
# Needs the library with stop points.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TviewFault;
use TviewTest;

my $node = new_cluster('main', 'autovacuum = off', 'restart_after_crash = on');
start_with_faults($node);
load_schema($node, 'postgres');
create_tviews($node, 'postgres', "mark_log_size '64kB'");
is_equal($node, 'postgres', 'at first');
my $epoch = store_field($node, 'postgres', 'epoch');

my $write = "UPDATE app.tb_user SET name = name || ' killed' WHERE pk_user IN (17, 18)";
my $fill = "SELECT count(*) FROM app.tv_post WHERE data IS NOT NULL";
# a writer settles when the log is half full
my $settle = join(';', ("UPDATE app.tb_comment SET body = body || '.' WHERE fk_post > 60") x 30);

for my $case (
	[ 'publishing', $write ],
	[ 'published', $write ],
	[ 'storing', $fill ],
	[ 'pages', $fill ],
	[ 'meta', $fill ],
	[ 'announcing', $fill ],
	[ 'stored', $fill ],
	[ 'settling', $settle ],
	[ 'pages', $settle ],
	[ 'stored', $settle ],
	[ 'scanning', "SELECT count(*) FROM app.tv_comment WHERE data IS NOT NULL" ],
	[ 'reading', "SELECT data FROM app.tv_user WHERE pk_user = 3" ])
{
	my ($point, $sql) = @$case;
	my $what = $point . ($sql eq $settle ? ', in settling' : '');
	$node->safe_psql('postgres', "SELECT tview.reset('app.tv_post')") if $sql eq $fill;
	$node->safe_psql('postgres', "UPDATE app.tb_user SET name = 'before $what' WHERE pk_user < 5");
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = $session->query_safe('SELECT pg_backend_pid()');
	$session->query_safe('SELECT count(*) FROM app.tv_user');
	signal_at('KILL', $pid, $point);
	$session->{stdin} .= "$sql;\n";
	ok(wait_for(sub { eval { $session->{run}->pump_nb }; !fault_is_due() }, 10), "$what: a backend is killed");
	ok(wait_for(sub { answers($node) }, 60), "$what: the server is back");
	eval { $session->quit };
	my $start = time();
	is_equal($node, 'postgres', "$what: at once");
	$node->safe_psql('postgres', churn(20, 1));
	is_equal($node, 'postgres', "$what: after writes");
	cmp_ok(time() - $start, '<', 10, "$what: nobody waits for the dead");
	is_warm($node, 'postgres', $what, user => 10, post => 20, comment => 50);
}
is(store_field($node, 'postgres', 'epoch'), $epoch, 'the store was never reset');
is(store_field($node, 'postgres', 'state'), 'ok', 'tview.store is content');
is($node->safe_psql('postgres', "SELECT v.* FROM unnest('{user,post,comment,rank,feed}'::text[]) x,
	tview.verify(('app.tv_' || x)::regclass) v"), '', 'the store verifies');
$node->stop;

done_testing();
