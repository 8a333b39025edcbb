package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// completionCmd prints a script that a shell reads. The script is made from
// the command line itself (the companions of kong that do this want an old
// kong and five modules more), and calls nothing.
type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help says where to put it.
func (completionCmd) Help() string {
	return `bash:  worker-cli completion bash >~/.local/share/bash-completion/completions/worker-cli
zsh:   worker-cli completion zsh >~/.zfunc/_worker-cli    with fpath+=~/.zfunc before compinit in ~/.zshrc
fish:  worker-cli completion fish >~/.config/fish/completions/worker-cli.fish`
}

// Run prints the script.
func (s completionCmd) Run(c console, k *kong.Context) error {
	words := wordsOf(k.Model.Node, "")
	switch s.Shell {
	case "bash":
		return bash(c.out, words)
	case "zsh":
		return zsh(c.out, words)
	}
	return fish(c.out, words)
}

// words are what may follow the commands in path.
type words struct {
	path     string // "wallet new", or empty
	commands []word
	flags    []word
}

// word is one of them, and what it is for.
type word struct {
	text, help string
	file       bool // takes a file
	value      bool // takes a value
}

// wordsOf lists a command and all below it.
func wordsOf(n *kong.Node, path string) []words {
	w := words{path: path}
	var below []words
	for _, child := range n.Children {
		if child.Hidden {
			continue
		}
		w.commands = append(w.commands, word{text: child.Name, help: child.Help})
		below = append(below, wordsOf(child, strings.TrimSpace(path+" "+child.Name))...)
	}
	for _, group := range n.AllFlags(true) {
		for _, f := range group {
			w.flags = append(w.flags, word{"--" + f.Name, f.Help, f.Tag.Type == "path", !f.IsBool()})
		}
	}
	return append([]words{w}, below...)
}

// texts are the words alone, separated by spaces.
func texts(lists ...[]word) string {
	var all []string
	for _, list := range lists {
		for _, w := range list {
			all = append(all, w.text)
		}
	}
	return strings.Join(all, " ")
}

// known is a shell's case pattern of all paths, so that a script can tell
// commands from other words.
func known(all []words) string {
	var paths []string
	for _, w := range all[1:] {
		paths = append(paths, `"`+w.path+`"`)
	}
	return strings.Join(paths, "|")
}

// files is a case pattern of the flags that take a file.
func files(all []words) string {
	seen, list := map[string]bool{}, []string{}
	for _, w := range all {
		for _, f := range w.flags {
			if f.file && !seen[f.text] {
				seen[f.text] = true
				list = append(list, f.text)
			}
		}
	}
	return strings.Join(list, "|")
}

func bash(out io.Writer, all []words) error {
	fmt.Fprintf(out, `# bash completion of worker-cli
_worker_cli() {
  local path="" word next i words
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    next="${path:+$path }$word"
    case $next in
      %s) path=$next ;;
    esac
  done
  case ${COMP_WORDS[COMP_CWORD - 1]} in
    %s) COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")); return ;;
  esac
  case $path in
`, known(all), files(all))
	for _, w := range all {
		fmt.Fprintf(out, "    %q) words=%q ;;\n", w.path, texts(w.commands, w.flags))
	}
	_, err := fmt.Fprint(out, `  esac
  COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _worker_cli worker-cli
`)
	return err
}

func zsh(out io.Writer, all []words) error {
	fmt.Fprintf(out, `#compdef worker-cli
_worker_cli() {
  local path_="" next i
  local -a list
  for ((i = 2; i < CURRENT; i++)); do
    next="${path_:+$path_ }${words[i]}"
    case $next in
      %s) path_=$next ;;
    esac
  done
  case ${words[CURRENT - 1]} in
    %s) _files; return ;;
  esac
  case $path_ in
`, known(all), files(all))
	for _, w := range all {
		fmt.Fprintf(out, "    %q) list=(", w.path)
		for _, x := range append(w.commands, w.flags...) {
			fmt.Fprintf(out, "\n      %s", quoted(x.text+":"+x.help))
		}
		fmt.Fprint(out, ") ;;\n")
	}
	_, err := fmt.Fprint(out, `  esac
  _describe worker-cli list
}
if [ "$funcstack[1]" = _worker-cli ]; then _worker_cli "$@"; else compdef _worker_cli worker-cli; fi
`)
	return err
}

func fish(out io.Writer, all []words) error {
	fmt.Fprint(out, "# fish completion of worker-cli\nfunction __worker_cli_at\n    set -l words (string match -v -- '-*' (commandline -opc)[2..-1])\n    test \"$words\" = \"$argv\"\nend\ncomplete -c worker-cli -f\n")
	for _, w := range all {
		at := "-n " + quoted("__worker_cli_at "+w.path)
		for _, x := range w.commands {
			fmt.Fprintf(out, "complete -c worker-cli %s -a %s -d %s\n", at, x.text, quoted(x.help))
		}
		for _, x := range w.flags {
			takes := ""
			if x.value {
				takes = " -x"
			}
			if x.file {
				takes = " -r -F"
			}
			fmt.Fprintf(out, "complete -c worker-cli %s -l %s%s -d %s\n", at, strings.TrimPrefix(x.text, "--"), takes, quoted(x.help))
		}
	}
	return nil
}

// quoted is a word in single quotes, as all three shells read it.
func quoted(s string) string {
	s = strings.NewReplacer("\\", "", "'", "’", "\n", " ").Replace(s)
	return "'" + s + "'"
}
