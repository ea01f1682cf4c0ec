package policy

import (
	"slices"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
)

// anyText stands for a part of a path that is not known, such as the version of an API.
const anyText = "*"

// form is how the path of a request is made: the parts up to the resource. A name and a subresource may follow.
type form struct {
	parts       []string
	subresource string
}

// formsOf are the ways in which a path says what a request is about: a watch may also say it in its path. Loosely also
// those that API servers understand and hardly see: without versions that do not exist, a namespace in a namespace or one without a name, the verb proxy.
// A path that is no resource has none to speak of.
func formsOf(r request, loosely bool) []form {
	if !r.isResource {
		return []form{{}}
	}
	root := []string{"apis", r.group, anyText}
	if r.group == core {
		root = []string{"api", "v1"}
		if loosely {
			root[1] = anyText
		}
	}
	isNamespace := r.group == core && r.resource == "namespaces"
	tails := [][]string{{r.resource}}
	if r.namespace != "" && !isNamespace {
		tails[0] = []string{"namespaces", r.namespace, r.resource}
	} else if loosely {
		tails = append(tails, []string{"namespaces", r.namespace, r.resource})
	}
	var out []form
	for _, tail := range tails {
		out = append(out, form{slices.Concat(root, tail), r.subresource})
		switch {
		case r.verb == "watch":
			out = append(out, form{slices.Concat(root, []string{"watch"}, tail), r.subresource})
		case loosely && !slices.Contains(resourceVerbs, r.verb):
			out = append(out, form{slices.Concat(root, []string{"proxy"}, tail), r.subresource})
		}
	}
	return out
}

// begins tells whether a URI of this form begins with a text, or with whole whether it is the text.
func (f form) begins(text string, whole bool) truth {
	path, _, more := strings.Cut(text, "?")
	whole = whole || more
	if !strings.HasPrefix(path, "/") || strings.Contains(path, "%") || strings.Contains(path, "//") {
		return open
	}
	parts := strings.Split(path[1:], "/")
	if whole && parts[len(parts)-1] == "" {
		parts = parts[:len(parts)-1]
	}
	out := yes
	if whole {
		out = open // parameters may follow
	}
	for i, part := range parts {
		out = min(out, f.part(i, part, whole || i < len(parts)-1))
	}
	if whole && (len(parts) < len(f.parts) || f.subresource != "" && len(parts) < len(f.parts)+2) {
		return no
	}
	return out
}

// part tells whether part i of a URI of this form begins with a text, or is it when the text is complete.
func (f form) part(i int, text string, complete bool) truth {
	var own string
	switch n := len(f.parts); {
	case i == n, i > n+1 && f.subresource != "":
		return open // a name, or what follows a subresource
	case i > n:
		own = f.subresource
	default:
		own = f.parts[i]
	}
	switch {
	case own == anyText:
		return open
	case complete && own != text || !strings.HasPrefix(own, text):
		return no
	case i >= len(f.parts):
		return open // whether there is a name and so on is not looked at
	}
	return yes
}

// literal is how a URI of this form begins, as far as it is known.
func (f form) literal() string {
	var b strings.Builder
	for _, part := range f.parts {
		b.WriteByte('/')
		if part == anyText {
			break
		}
		b.WriteString(part)
	}
	return b.String()
}

// uriTexts are the texts that a check compares the URI with, if it is one of the URI. There are none when it is not known
// what the check tells.
func uriTexts(n *condition.Check) (texts []string) {
	if f, is := n.Left.(*condition.Field); !is || f.Name != "ka.uri" && f.Name != "jevt.value" && f.Name != "json.value" {
		return nil
	}
	switch right := n.Right.(type) {
	case *condition.Text:
		texts = []string{right.Value}
	case *condition.List:
		for _, t := range right.Items {
			texts = append(texts, t.Value)
		}
	}
	if len(texts) > 1 && n.Modifier != condition.ModifierNone && n.Modifier != condition.ModifierAnyOf {
		return nil
	}
	return texts
}

// uri tells what a check of the URI says of a request to a path, or of one whose path has the form. The parameters of a
// URI are open.
func (a *atom) uri(r request, f form) truth {
	if len(a.uris) == 0 {
		return open
	}
	out := no
	for _, t := range a.uris {
		out = max(out, a.uriText(t, r, f))
	}
	return out
}

func (a *atom) uriText(text string, r request, f form) truth {
	whole := true
	switch a.check.Op {
	case condition.OpContains:
		start := r.path
		if r.isResource {
			start = f.literal()
		}
		if strings.Contains(start, text) {
			return yes
		}
		return open
	case condition.OpStartsWith:
		whole = false
	case condition.OpEq, condition.OpEqEq, condition.OpIn:
	default:
		return open
	}
	if r.isResource {
		return f.begins(text, whole)
	}
	path, _, more := strings.Cut(text, "?")
	switch {
	case strings.Contains(path, "%") || !strings.HasPrefix(path, "/"):
		return open
	case (whole || more) && r.path == path:
		return open
	case !whole && !more && strings.HasPrefix(r.path, path):
		return yes
	}
	return no
}

// spelled tells what a check of the URI says of a request however its path, which has one of the forms, is written: letters
// may be written as %41. A text without these is in the URI as it is.
func (a *atom) spelled(r request, forms []form) truth {
	out := no
	for _, f := range forms {
		out = max(out, min(a.uri(r, f), open))
	}
	return out
}
