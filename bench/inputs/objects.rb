# objects.rb - work for Ruby: objects, strings, hashes, arrays, symbols.  Its
# argument is the number of rounds.
#
# SPDX-License-Identifier: MIT

Item = Struct.new(:id, :word, :tags, :parent)

class Numbers
  def initialize
    @state = 1
  end

  def below(limit)
    @state = (@state * 1103515245 + 12345) % 2147483648
    @state / 256 % limit
  end
end

def one_round(numbers)
  items = []
  20000.times do |i|
    word = "%c%c%c%d" % [97 + numbers.below(26), 97 + numbers.below(26),
                         97 + numbers.below(26), numbers.below(50)]
    tags = Array.new(numbers.below(6)) { |k| "tag-#{k}-#{numbers.below(40)}" }
    items << Item.new(i, word * (1 + numbers.below(4)), tags, items.last)
  end
  count = Hash.new(0)
  items.each { |item| item.tags.each { |tag| count[tag] += 1 } }
  by_letter = items.group_by { |item| item.word[0, 2] }
  text = by_letter.sort.map do |letter, group|
    letter + ":" + group.map(&:word).sort.first(20).join(",")
  end.join("\n")
  text.gsub(/[aeiou]+/) { |vowels| vowels.upcase }.size + count.size
end

numbers = Numbers.new
total = 0
ARGV.fetch(0).to_i.times { total += one_round(numbers) }
puts total
