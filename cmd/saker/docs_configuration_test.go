package main

import (
	"fmt"
	"strings"

	"github.com/saker-security/saker/pkg/config"
)

// configurationIntroduction is what docs/configuration.md says before the tables.
const configurationIntroduction = `Saker reads Falco's falco.yaml as it is. Its own keys stand beside those of Falco in the same file, and all of them are in
the tables below, which are made from the table that the program reads. ` + "`saker schema config`" + ` prints the same as a JSON
schema for editors.

## Where values come from

Each of these overrides the ones before it:

1. the default;
2. the main file: the one of ` + "`-c`" + `, else the one that the environment variable ` + "`SAKER_CONFIG`" + ` names, else ` + "`" + config.DefaultFile + "`" + ` when
   it is there. Falco's ` + "`/etc/falco/falco.yaml`" + ` is read only when it is named, since a Falco beside Saker may use it;
3. the files that ` + "`config_files`" + ` names;
4. the environment: the key in upper case with ` + "`SAKER_`" + ` before it and ` + "`_`" + ` for each dot, so ` + "`SAKER_HTTP_OUTPUT_URL`" + ` for
   ` + "`http_output.url`" + `. A value that begins with ` + "`{`" + `, or with ` + "`[`" + ` for a key that takes a list, is YAML. An empty variable counts as
   not set. A ` + "`SAKER_`" + ` variable that belongs to no key is warned of, except those that Kubernetes makes for services;
5. ` + "`-o key=value`" + `: ` + "`a.b=x`" + `, ` + "`a[0].b=x`" + `, ` + "`a[]=x`" + ` to append, ` + "`a={b: x, c: y}`" + ` for a mapping, ` + "`a=[x, y]`" + ` for a key that takes a list; a
   backslash takes a dot, a bracket or a backslash in a name as it is. ` + "`-o config_files=...`" + ` counts before the files are merged.

In the values of files and of ` + "`-o`" + `, ` + "`${NAME}`" + ` is replaced by the environment variable NAME and ` + "`$${NAME}`" + ` stands for a literal
` + "`${NAME}`" + `. The type of a value is that of the text after the replacement. A variable that is not set is warned of.

Files are merged by the keys at their top: sequences are appended to those that are there, everything else is replaced
whole, a mapping too. ` + "`{path: PATH, strategy: override}`" + ` replaces sequences as well, ` + "`strategy: add-only`" + ` keeps what is there.
Of two equal keys in one mapping the first counts, which is warned of. Relative paths, here and in all other keys, begin at the
directory in which the program runs, as in Falco.

These environment variables are Falco's: ` + "`FALCO_HOSTNAME`" + ` is the name of the machine in alerts, ` + "`HOST_ROOT`" + ` the directory where the
files of the machine are when Saker runs in a container.

## How values are written

Truth values are those of YAML 1.1: true, yes, on, y, and their opposites. Sizes are a number of bytes or have a unit: KiB, MiB,
GiB, TiB count in 1024, kB, MB, GB, TB in 1000. Times have a unit: ns, us, ms, s, m, h, d, w, y, also several of them (1h30m); in
` + "`metrics.interval`" + ` a number alone counts milliseconds, as in Falco.

Values marked *secret* are never shown: not in errors, not in the log, not by any command. ` + "`http_output.url`" + ` and the values of
` + "`http_output.headers`" + ` may be ` + "`file:PATH`" + `: the first line of that file, which is read again when it changes.

## What is wrong, and what has no effect

A value of a wrong type, or one that is not allowed, keeps the program from starting; at a reload the configuration in force
stays. Everything that is wrong is told at once, each with file, line and column (or the variable or option), the key, what was
given and what is allowed.

Nothing is ignored in silence. A key that nobody knows is warned of, with the one that may be meant. A key of Falco that has no
effect in Saker is warned of when it is set to something other than its default, and a value that it cannot have is a warning
too; the tables say why it has none. Set to its default it changes nothing and nothing is said, so a falco.yaml that nobody
changed starts without noise.

## Plugins

The plugins k8saudit, json, container and k8smeta are built in. Where ` + "`load_plugins`" + ` loads another one, the program does not
start. The ` + "`open_params`" + ` of k8saudit, ` + "`http://HOST:PORT/PATH`" + ` or ` + "`https://HOST:PORT/PATH`" + ` (with ` + "`sslCertificate`" + ` of its
` + "`init_config`" + `), take the place of ` + "`audit.listen`" + `, ` + "`audit.path`" + `, ` + "`audit.tls_certificate`" + ` and ` + "`audit.tls_key`" + ` of the files. ` + "`init_config`" + ` is a
mapping or a text with JSON.
`

func configurationDocument() string {
	var b strings.Builder
	b.WriteString("# Configuration\n\n" + generated + configurationIntroduction + "\n# Keys\n\n" +
		"Keys that Falco does not have are marked *Saker*.\n")
	general := map[string]string{}
	for _, s := range config.Sections() {
		fmt.Fprintf(&b, "\n## %s\n\n| key | default | allowed | meaning |\n|---|---|---|---|\n", s.Title)
		var delivery []string
		sink := ""
		for _, k := range s.Keys {
			if name, ok := strings.CutPrefix(k.Name, "delivery."); ok {
				general[name] = k.Default
			}
			if before, name, ok := strings.Cut(k.Name, ".delivery."); ok {
				sink = before
				if k.Default != general[name] {
					delivery = append(delivery, fmt.Sprintf("`%s` is %s", name, quoted(k.Default)))
				}
				continue
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.Name, quoted(k.Default), cell(k.Allowed), cell(meaning(k)))
		}
		if sink == "" {
			continue
		}
		fmt.Fprintf(&b, "\n`%s.delivery.*` are the keys of Delivery for this sink alone", sink)
		if len(delivery) > 0 {
			fmt.Fprintf(&b, "; here the default of %s", strings.Join(delivery, ", that of "))
		}
		b.WriteString(".\n")
	}
	return b.String()
}

// meaning is what the table says about a key.
func meaning(k config.Key) string {
	text := k.Help
	if k.Ours {
		text = "*Saker.* " + text
	}
	if k.Secret {
		text += " *Secret.*"
	}
	if k.Inert != "" {
		text += " **No effect:** " + k.Inert + "."
	}
	if k.Falco != "" {
		text += " Falco: " + k.Falco + "."
	}
	return text
}

func quoted(value string) string {
	if value == "" {
		return ""
	}
	return "`" + value + "`"
}

// cell is text as a cell of a table has it.
func cell(text string) string { return strings.ReplaceAll(text, "|", "\\|") }
