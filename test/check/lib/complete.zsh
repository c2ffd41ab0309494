# SPDX-License-Identifier: Apache-2.0
# What zsh offers for a line: zsh -f complete.zsh FOLDER LINE prints the matches, one a line; functions are looked for in FOLDER.
# The line is typed into a zsh on a terminal of its own, and what that would list is taken where its completion hands it over.
zmodload zsh/zpty
home=$(mktemp -d)

print -r -- "fpath=(${(q)1} \$fpath)" >"$home/.zshrc"
cat >>"$home/.zshrc" <<'RC'
autoload -Uz compinit && compinit -u -D
compadd() {
	local -a added
	# These fill an array and add nothing.
	if (( ! ${@[(I)-[ADO]]} )); then
		builtin compadd -O added "$@"
		matches+=($added)
	fi
	builtin compadd "$@"
}
ask() {
	typeset -ga matches=()
	zle list-choices
	print -r -- "<<${(j: :)${(u)matches}}>>"
}
zle -N ask
bindkey '^I' ask
# The terminal is the line editor's from here on.
zle-line-init() { print is-ready }
zle -N zle-line-init
RC

zpty asked "ZDOTDIR=${(q)home} TERM=dumb COLUMNS=1000 zsh -d -i"
# Not before: the process that it makes would clean up, too.
trap 'rm -rf "$home"' EXIT
zpty -r asked seen '*is-ready*'
zpty -w -n asked "$2"$'\t'
zpty -r asked seen '*<<*>>*'
zpty -d asked
print -r -- ${${seen##*<<}%%>>*}
