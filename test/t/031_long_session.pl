# Proves: a backend that looks up, writes, fails, rolls back and opens cursors for hours holds no more memory and no more files at the end than when it was warm.  (LONG=1: a million look-ups, a hundred thousand writes.)

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TviewTest;

my $long = $ENV{LONG} ? 1 : 0;
# one round looks up 10 and writes 1 for each of $size
my $size = $long ? 2500 : 200;
my ($warm, $rounds) = $long ? (6, 40) : (3, 4);
# kB; what malloc leaves unused varies by some ten
my $limit = 256;
# A backend remembers how so many transactions ended (OUTCOMES_MAX of
# visibility.c) in a table that doubles, 16 bytes a slot, and forgets them all
# when there are more.  In the short run they stay few; in the long one the
# table is filled before anything is measured, and can grow no more.
my $outcomes = $long ? 65536 : 0;
my $outcomes_kb = 131072 * 16 / 1024;

my $node = new_cluster('main', 'autovacuum = off', 'fsync = off');
$node->start;
load_schema($node, 'postgres', 10);
create_tviews($node, 'postgres');
$node->safe_psql('postgres', <<~'SQL');
	-- by key and by id, through kept plans and through new ones
	CREATE PROCEDURE app.look_up(n int) LANGUAGE plpgsql AS $$
	DECLARE
		ids uuid[] := ARRAY(SELECT id FROM app.tb_post ORDER BY pk_post LIMIT 500);
		d jsonb;
		k int;
	BEGIN
		FOR i IN 1..n LOOP
			k := 1 + i * 7 % 500;
			SELECT data INTO d FROM app.tv_post WHERE pk_post = k;
			SELECT data INTO d FROM app.tv_post WHERE id = ids[k];
			SELECT data INTO d FROM app.tv_user WHERE pk_user = k % 200;
			SELECT data INTO d FROM app.tv_user WHERE pk_user = -k;
			SELECT data INTO d FROM app.tv_comment WHERE pk_comment = ANY (ARRAY[k, k + 1, k + 2]);
			SELECT data INTO d FROM app.tv_feed WHERE pk_feed = k;
			PERFORM data FROM app.tv_comment WHERE fk_post = k;
			EXECUTE format('SELECT data FROM app.tv_post WHERE pk_post = %s', k) INTO d;
			EXECUTE format('SELECT data FROM app.tv_post WHERE id = %L', ids[k]) INTO d;
			EXECUTE 'SELECT data FROM app.tv_comment WHERE pk_comment = $1' INTO d USING k;
			IF i % 50 = 0 THEN
				COMMIT;
			END IF;
		END LOOP;
	END $$;

	-- every kind of end that a write has; nothing stays but changed values
	CREATE PROCEDURE app.write(n int) LANGUAGE plpgsql AS $$
	DECLARE
		d jsonb;
		p int;
	BEGIN
		FOR i IN 1..n LOOP
			CASE i % 8
			WHEN 0 THEN
				BEGIN
					UPDATE app.tb_user SET name = 'gone' WHERE pk_user = 1 + i % 200;
					SELECT data INTO d FROM app.tv_user WHERE pk_user = 1 + i % 200;
					RAISE EXCEPTION 'back to the savepoint';
				EXCEPTION WHEN raise_exception THEN NULL;
				END;
			WHEN 1 THEN
				BEGIN
					INSERT INTO app.tb_post (fk_user, title) VALUES (-1, 'nobody''s');
				EXCEPTION WHEN foreign_key_violation THEN NULL;
				END;
			WHEN 2 THEN
				INSERT INTO app.tb_post (fk_user, title) VALUES (1, 'for a moment') RETURNING pk_post INTO p;
				SELECT data INTO d FROM app.tv_post WHERE pk_post = p;
				IF d->>'title' IS DISTINCT FROM 'for a moment' THEN
					RAISE 'own row is not seen';
				END IF;
				DELETE FROM app.tb_post WHERE pk_post = p;
			WHEN 3 THEN
				UPDATE app.tb_comment SET body = 'no ' || i WHERE pk_comment = 1 + i % 2500;
				SELECT data INTO d FROM app.tv_comment WHERE pk_comment = 1 + i % 2500;
				ROLLBACK;
			ELSE
				UPDATE app.tb_comment SET body = 'body ' || i WHERE pk_comment = 1 + i % 2500;
			END CASE;
			IF i % 40 = 0 THEN
				UPDATE app.tb_user SET name = 'name ' || i WHERE pk_user = 1 + i % 200;
			END IF;
			IF i % 2 = 0 THEN
				COMMIT;
			END IF;
		END LOOP;
	END $$;

	-- transactions whose outcomes this session then knows
	CREATE PROCEDURE app.grow_old(n int) LANGUAGE plpgsql AS $$
	BEGIN
		FOR i IN 1..n LOOP
			UPDATE app.tb_user SET name = 'name ' || i WHERE pk_user = 1;
			COMMIT;
			PERFORM data FROM app.tv_user WHERE pk_user = 1;
			COMMIT;
		END LOOP;
	END $$;
SQL

my $session = $node->background_psql('postgres', on_error_stop => 0);
# the limit is each query's, not the session's
$session->set_query_timer_restart;
my $pid = $session->query_safe('SELECT pg_backend_pid()');
$session->query_safe('PREPARE p (int) AS SELECT data FROM app.tv_post WHERE pk_post = $1');

# Memory of its own in kB, and open files: what the store maps is not its own.
sub held
{
	my $own = slurp_file("/proc/$pid/smaps_rollup") =~ /^Anonymous:\s+(\d+) kB/m ? $1 : die 'no figure';
	my @files = glob("/proc/$pid/fd/*");
	my @maps = slurp_file("/proc/$pid/maps") =~ /^(.*(?:mdb|marks|control).*)$/mg;
	return ($own, scalar @files, scalar @maps);
}

# What a client does: statements one by one, also those that fail, and cursors.
my $statements = "$PostgreSQL::Test::Utils::tmp_check/031_statements.sql";
unlink $statements;
append_to_file($statements, join('', map { <<~"SQL" } 1 .. ($long ? 25 : 8)));
	SELECT count(data) FROM app.tv_post WHERE pk_post = $_;
	EXECUTE p($_);
	SELECT 1 / (pk_post - $_) FROM app.tv_post WHERE pk_post = $_;
	SELECT nothing FROM app.tv_post;
	BEGIN;
	UPDATE app.tb_user SET name = 'u' WHERE pk_user = $_;
	SELECT data->>'name' FROM app.tv_user WHERE pk_user = $_;
	SAVEPOINT s;
	DELETE FROM app.tb_comment WHERE fk_post = $_;
	SELECT count(*) FROM app.tv_comment WHERE fk_post = $_;
	ROLLBACK TO s;
	INSERT INTO app.tb_user (pk_user) VALUES ($_);
	COMMIT;
	BEGIN ISOLATION LEVEL REPEATABLE READ;
	DECLARE c SCROLL CURSOR FOR SELECT pk_post, data FROM app.tv_post ORDER BY pk_post;
	MOVE 50 IN c;
	FETCH BACKWARD 2 FROM c;
	DECLARE d CURSOR FOR SELECT * FROM app.tv_comment;
	FETCH 3 FROM d;
	COMMIT;
	BEGIN;
	DECLARE h CURSOR WITH HOLD FOR SELECT * FROM app.tv_user;
	COMMIT;
	FETCH 3 FROM h;
	CLOSE h;
	BEGIN;
	DECLARE e CURSOR FOR SELECT * FROM app.tv_feed;
	FETCH 1 FROM e;
	SELECT 1 / 0 FROM app.tv_user WHERE pk_user = $_;
	FETCH 1 FROM e;
	ROLLBACK;
	EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT * FROM app.tv_post WHERE pk_post = $_;
	SET statement_timeout = 3;
	SELECT sum(length(a.data::text)) FROM app.tv_comment a, app.tv_user b WHERE a.data <> b.data;
	SET statement_timeout = 0;
SQL

sub round_of_work
{
	$session->query_safe('CALL app.look_up(' . $size . ')');
	$session->query_safe('CALL app.write(' . $size . ')');
	$session->query("\\i $statements");
	$session->{stderr} = '';
	$session->query_safe('SELECT count(*) FROM app.tv_post, app.tv_rank WHERE fk_user = pk_rank');
	return;
}

# kB of PostgreSQL's own count, in all contexts that live as long as the session
sub counted
{
	return $session->query_safe(<<~'SQL');
		SELECT (sum(total_bytes) / 1024)::int FROM pg_backend_memory_contexts
		WHERE name IN ('TopMemoryContext', 'tview mark set', 'tview pending marks', 'TVIEW metadata')
	SQL
}

if ($outcomes > 0)
{
	my $young = counted();
	# some more, should one not have been asked for
	$session->query_safe('CALL app.grow_old(' . int(1.02 * $outcomes) . ')');
	my $old = counted();
	cmp_ok($old - $young, '>=', $outcomes_kb * 0.9, "all outcomes that are remembered: $young kB, then $old kB");
}

my @course;
my @counted;
my ($own, $files, $maps);
for my $i (1 .. $warm + $rounds)
{
	round_of_work();
	my @now = held();
	push @course, $now[0];
	push @counted, counted();
	($own, $files, $maps) = @now if $i == $warm;
}
my @end = held();
note("kB after each round: @course");
note("of contexts: @counted");
cmp_ok($end[0] - $own, '<', $limit, "memory after $warm rounds: $own kB, after $rounds more: $end[0] kB");
cmp_ok($end[1], '<=', $files, "open files: $files and $end[1]");
cmp_ok($end[2], '<=', $maps, "maps of the store: $maps and $end[2]");
cmp_ok($own, '<', 24 * 1024, 'and it is not much');
is(check_in($session), '', 'TVIEWs equal their views in this session');
$session->quit;
is_equal($node, 'postgres', 'at the end');
$node->stop;

done_testing();
