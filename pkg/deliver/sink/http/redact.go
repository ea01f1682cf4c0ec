package http

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// redactor takes the secrets of a target out of texts.
type redactor struct{ replacer *strings.Replacer }

// newRedactor takes out the address, its user, password, path and query, and the other revealed texts, whole and in
// their parts: a server may quote any of them in its answer.
func newRedactor(u *url.URL, revealed []string) *redactor {
	var words []string
	add := func(all ...string) {
		for _, word := range all {
			if len(word) >= minSecret {
				words = append(words, word, url.QueryEscape(word), url.PathEscape(word), strings.Trim(fmt.Sprintf("%q", word), `"`))
			}
		}
	}
	add(revealed...)
	add(u.RequestURI(), u.Path, u.EscapedPath(), u.RawQuery)
	add(tokens(strings.Split(u.Path, "/"))...)
	add(tokens(strings.Split(u.EscapedPath(), "/"))...)
	for _, values := range u.Query() {
		add(values...)
	}
	for part := range strings.FieldsFuncSeq(u.RawQuery, func(r rune) bool { return strings.ContainsRune("&=;", r) }) {
		add(tokens([]string{part})...)
	}
	if u.User != nil {
		password, _ := u.User.Password()
		add(u.User.Username(), password, u.User.String())
		add(base64.StdEncoding.EncodeToString([]byte(u.User.Username() + ":" + password)))
	}
	for _, value := range revealed[1:] {
		add(tokens(strings.Fields(value))...)
		// A password of basic authentication is as good as the header.
		if _, encoded, ok := strings.Cut(value, " "); ok {
			if pair, err := base64.StdEncoding.DecodeString(encoded); err == nil {
				user, password, _ := strings.Cut(string(pair), ":")
				add(user, password)
			}
		}
	}
	slices.SortFunc(words, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	var pairs []string
	for _, word := range slices.Compact(words) {
		// The host is no secret and is in most errors.
		if word != u.Host && word != u.Hostname() {
			pairs = append(pairs, word, "***")
		}
	}
	return &redactor{strings.NewReplacer(pairs...)}
}

const (
	// minSecret is the length in bytes from which a text is hidden: shorter ones say little and are part of most texts.
	minSecret = 5
	// minToken is the length from which a part counts as a token even without a digit in it.
	minToken = 16
)

// tokens gives the parts that look like tokens and not like words, such as alerts or Bearer.
func tokens(parts []string) []string {
	return slices.DeleteFunc(parts, func(part string) bool { return len(part) < minToken && !strings.ContainsAny(part, "0123456789") })
}

func (r *redactor) text(s string) string { return r.replacer.Replace(s) }

// failure gives the error of a request that had no answer, without secrets: of what it wraps only the end of a
// context is left.
func (r *redactor) failure(origin string, err error) error {
	var record tls.RecordHeaderError
	if errors.As(err, &record) && string(record.RecordHeader[:]) == "HTTP/" {
		return errors.New(origin + ": the server there speaks HTTP without TLS")
	}
	text := origin + ": " + r.text(err.Error())
	for _, end := range []error{context.DeadlineExceeded, context.Canceled} {
		switch {
		case !errors.Is(err, end):
		case err.Error() == end.Error():
			return fmt.Errorf("%s: no answer: %w", origin, end)
		default:
			return fmt.Errorf("%s: %w", text, end)
		}
	}
	return errors.New(text)
}
