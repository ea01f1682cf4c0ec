package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/saker-security/saker/pkg/rule"
)

const policyHead = `# An audit policy for kube-apiserver (--audit-policy-file), written by saker audit policy generate.
#
# The first rule that fits a request decides how much of it is recorded:
#   None             nothing
#   Metadata         who asked for what, from where, and the answer's code
#   Request          also the object that was sent
#   RequestResponse  also the object that was answered
#
# What records most comes first. The comments name the rules of Saker that need each part.
`

// yaml writes the policy.
func (d *draft) yaml() []byte {
	var w strings.Builder
	w.WriteString(policyHead)
	if len(d.withheld) > 0 {
		w.WriteString("#\n")
		comment(&w, "", "These rules read bodies in which credentials travel, so the bodies are not recorded (--secret-bodies records them): "+strings.Join(d.withheld, "; ")+".")
	}
	if len(d.unclear) > 0 {
		w.WriteString("#\n")
		comment(&w, "", "What these rules need cannot be told, so everything is recorded for them: "+strings.Join(d.unclear, "; ")+".")
	}
	w.WriteString("apiVersion: audit.k8s.io/v1\nkind: Policy\n")
	if len(d.omit) > 0 {
		w.WriteString("\n# Stages that no rule needs.\nomitStages: " + flow(d.omit) + "\n")
	}
	w.WriteString("\n# Who changed which field last is in every object, and no rule asks for it.\nomitManagedFields: true\n\nrules:\n")
	for i, e := range d.rules {
		if i > 0 {
			w.WriteString("\n")
		}
		e.yaml(&w)
	}
	return []byte(w.String())
}

// yaml writes one rule, with its comment.
func (e *entry) yaml(w *strings.Builder) {
	switch {
	case e.why != "":
		comment(w, "  ", e.why)
	case len(e.rules) > 0:
		comment(w, "  ", "For: "+strings.Join(e.rules, "; "))
	}
	w.WriteString("  - level: " + e.level.String() + "\n")
	line := func(key string, list []string) {
		if list != nil {
			fmt.Fprintf(w, "    %s: %s\n", key, flow(list))
		}
	}
	line("users", e.users)
	line("userGroups", e.members)
	line("verbs", e.verbs)
	if e.isResources() {
		line("namespaces", e.namespaces)
	}
	switch {
	case e.everyResource && e.everyPath:
	case e.everyResource:
		w.WriteString("    resources:\n      - group: \"*\"\n")
	case len(e.resources) > 0:
		e.yamlResources(w)
	case e.everyPath:
		w.WriteString("    nonResourceURLs: [\"*\"]\n")
	default:
		line("nonResourceURLs", e.paths)
	}
	if len(e.omit) > 0 {
		line("omitStages", e.omit)
	}
}

func (e *entry) yamlResources(w *strings.Builder) {
	w.WriteString("    resources:\n")
	byGroup := map[string][]string{}
	var groups []string
	for _, r := range e.resources {
		group, name, _ := strings.Cut(r, " ")
		add(&groups, group)
		byGroup[group] = append(byGroup[group], name)
	}
	slices.Sort(groups)
	for _, g := range groups {
		fmt.Fprintf(w, "      - group: %s\n        resources: %s\n", scalar(g), flow(byGroup[g]))
	}
}

// flow writes a list of texts, on several lines when it is long.
func flow(list []string) string {
	var w strings.Builder
	column := 0
	for i, t := range list {
		t = scalar(t)
		switch column += len(t) + 2; {
		case i == 0:
			w.WriteString("[")
		case column > 90:
			w.WriteString(",\n          ")
			column = len(t) + 2
		default:
			w.WriteString(", ")
		}
		w.WriteString(t)
	}
	return w.String() + "]"
}

// scalar writes a text of a policy.
func scalar(text string) string {
	plain := text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./-") == "" &&
		strings.Trim(text[:1], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" &&
		!slices.Contains([]string{"y", "n", "yes", "no", "on", "off", "true", "false", "null"}, strings.ToLower(text))
	if plain {
		return text
	}
	var w strings.Builder
	w.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			w.WriteByte('\\')
			w.WriteRune(r)
		case r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 || r == 0xfeff:
			fmt.Fprintf(&w, "\\u%04x", r)
		default:
			w.WriteRune(r)
		}
	}
	return w.String() + "\""
}

// comment writes a comment of lines of at most 110 columns.
func comment(w *strings.Builder, indent, text string) {
	line := indent + "#"
	for _, word := range strings.Fields(rule.Printable(text)) {
		if len(line)+1+len(word) > 110 {
			w.WriteString(line + "\n")
			line = indent + "#"
		}
		line += " " + word
	}
	w.WriteString(line + "\n")
}
