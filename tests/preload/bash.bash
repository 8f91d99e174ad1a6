# bash.bash - a program for preload.sh: arrays, strings, subshells.
#
# SPDX-License-Identifier: MIT

declare -A count
declare -a list
x=1
for ((i = 0; i < 20000; i++)); do
	((x = (x * 1103515245 + 12345) % 2147483648))
	((count[k$((x % 997))]++))
	list[i]=$x-$i
done
echo "${#count[@]} ${#list[@]} ${list[12345]}"
for k in "${!count[@]}"; do
	echo "$k ${count[$k]}"
done | sort | cksum

s=
for ((i = 0; i < 3000; i++)); do
	s+="line $i of many; "
done
echo "${#s}"
t=${s//line/a longer word}
echo "${#t} ${t:1000:40}"
echo "${t^^}" | cksum

depth() {
	local a=$1 b
	if ((a > 0)); then
		b=$(depth $((a - 1)))
		echo "$b$a"
	else
		echo end
	fi
}
depth 20
mapfile -t lines < <(for ((i = 0; i < 5000; i++)); do echo $i $((i * i)); done)
echo "${#lines[@]} ${lines[4999]}"
for ((i = 0; i < 50; i++)); do
	( : "${list[*]}"; exit $((i % 3)) ) || ((bad++))
done
echo "$bad"
cat <<END | tr a-z A-Z | cksum
$(printf '%s\n' "${list[@]}")
END
