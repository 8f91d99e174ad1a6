# perl.pl - a program for preload.sh: hashes, strings, expressions, fork.
#
# SPDX-License-Identifier: MIT

use strict;
use warnings;
use Digest::SHA qw(sha1_hex);
use List::Util qw(sum);
use Storable qw(freeze thaw dclone);

$ENV{PERL_HASH_SEED} = 0;
srand 7;

my %words;
for my $i (1 .. 60000) {
	my $w = join '', map { chr 97 + int rand 26 } 1 .. 1 + int rand 4;
	push @{ $words{$w} }, $i;
}
my $text = join "\n", map { "$_ @{ $words{$_} }" } sort keys %words;
print 'words ', scalar(keys %words), ' ', sha1_hex($text), "\n";

(my $other = $text) =~ s/(\d+)/sprintf '%x', $1 * 7/ge;
print 'replaced ', sha1_hex($other), "\n";

my $copy = thaw(freeze(dclone(\%words)));
print 'copied ', sum(map { scalar @$_ } values %$copy), "\n";

my $s = '';
$s .= $_ x 37 for 1 .. 30000;
$s = reverse $s for 1 .. 5;
print 'grown ', length($s), ' ', sha1_hex($s), "\n";

for my $i (1 .. 4) {
	my $pid = fork;
	die 'fork' unless defined $pid;
	if ($pid == 0) {
		my @a = sort { $b <=> $a } map { $_ * $i % 1009 } 1 .. 50000;
		exit($a[0] == 1008 ? $i : 99);
	}
	waitpid $pid, 0;
	print 'child ', $? >> 8, "\n";
}

my @tree = (undef) x 3;
@tree = map { [@tree, $_] } 1 .. 5 for 1 .. 3;
my $d = dclone(\@tree);
undef @tree;
print 'tree ', scalar(@$d), ' ', sha1_hex(freeze($d)), "\n";
