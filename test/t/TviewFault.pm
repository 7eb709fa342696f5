# Faults at will, by a library that is preloaded into a server (fault.c): a
# backend is stopped or killed at a named point, the disk is full.
package TviewFault;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use File::Basename;
use PostgreSQL::Test::Utils;
use TviewTest;

our @EXPORT = qw(start_with_faults signal_at fault_is_due disk_is_full disk_was_full @fault_points);

# In the order of fault.c.
our @fault_points = qw(none publishing published settling storing pages meta announcing stored scanning reading);

my %number = map { $fault_points[$_] => $_ } 0 .. $#fault_points;

my ($library, $control);

# Compiles the library and starts the server with it.
sub start_with_faults
{
	my ($node) = @_;
	my $source = dirname(__FILE__) . '/fault.c';
	my $base = "$PostgreSQL::Test::Utils::tmp_check/" . basename($0, '.pl');
	($library, $control) = ("$base.fault.so", "$base.fault");
	my ($cc) = split(/\s+/, `pg_config --cc`);
	system($cc, '-O1', '-Wall', '-Werror', '-shared', '-fPIC', '-o', $library, $source, '-ldl') == 0
	  or die "could not compile $source";
	unlink $control;
	append_to_file($control, pack('l6', (0) x 6));
	local $ENV{LD_PRELOAD} = $library;
	local $ENV{TVIEW_FAULT} = $control;
	$node->start;
	return;
}

sub poke
{
	my ($field, @values) = @_;
	open(my $file, '+<:raw', $control) or die "could not open $control: $!";
	seek($file, 4 * $field, 0);
	print $file pack('l*', @values);
	close($file) or die "could not write $control: $!";
	return;
}

sub peek
{
	my ($field) = @_;
	return (unpack('l6', slurp_file($control)))[$field];
}

# Sends a signal to a backend when it passes a point (for the count-th time).
sub signal_at
{
	my ($signal, $pid, $point, $count) = @_;
	die "no point $point" unless $number{$point};
	poke(1, $number{$point}, $count || 1, { STOP => 19, KILL => 9 }->{$signal});
	poke(0, $pid);
	return;
}

# True while it has not passed.
sub fault_is_due { return peek(0) != 0 }

# Fills the disk of the stores ('store') or of all data ('data'), or gives room
# back (0).
sub disk_is_full
{
	my ($which) = @_;
	poke(5, 0);
	poke(4, { store => 1, data => 2, 0 => 0 }->{$which});
	return;
}

# How many writes have found it full.
sub disk_was_full { return peek(5) }

1;
