package audit

import (
	"net/url"
	"strings"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// uriParam takes the first value of a query parameter. Parameters that cannot be decoded are passed over, as the API
// server does: one of them must not hide the others.
func uriParam(r *Record, a *field.Arg, v *event.Value) bool {
	uri, ok := r.text(r.at[requestURI])
	if !ok {
		return false
	}
	uri, _, _ = strings.Cut(uri, "#")
	_, query, _ := strings.Cut(uri, "?")
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		if pair == "" || strings.Contains(pair, ";") {
			continue
		}
		key, value, _ := strings.Cut(pair, "=")
		if key, ok = decoded(key); !ok || key != a.Text {
			continue
		}
		if v.Text, ok = decoded(value); ok {
			return true
		}
	}
	return false
}

func decoded(text string) (string, bool) {
	if strings.IndexByte(text, '%') < 0 && strings.IndexByte(text, '+') < 0 {
		return text, true
	}
	plain, err := url.QueryUnescape(text)
	return plain, err == nil
}
