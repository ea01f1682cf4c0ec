package description

import "github.com/saker-security/saker/pkg/rule"

func exceptions(x *rule.Rule) []Exception {
	out := []Exception{}
	for _, e := range x.Exceptions {
		out = append(out, Exception{Name: e.Name, Fields: e.Fields, Comparisons: e.Comparisons, Values: e.Values, At: place(e.Pos)})
	}
	return out
}
