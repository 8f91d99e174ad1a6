# group.jq - work for jq: parse a large document, group, map, print.
#
# SPDX-License-Identifier: MIT
group_by(.city)
| map({city: .[0].city, n: length, sum: (map(.amount) | add),
       names: (map(.name) | sort | unique | .[0:3]),
       tags: (map(.tags[]) | group_by(.) | map({(.[0]): length}) | add)})
| sort_by(-.sum) | .[0:5]
