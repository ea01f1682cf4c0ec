package http

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	texttemplate "text/template"
	"time"
	"unicode/utf8"

	"github.com/saker-security/saker/pkg/alert"
)

// view is what a template sees: one alert and nothing else.
type view struct {
	ID, Rule, Priority, Source, Hostname string
	// Time is that of the event, in UTC.
	Time time.Time
	// Output is time, priority and message on one line, as in the key output of a JSON alert; Message only the last.
	Output, Message string
	Tags            []string
	// Fields has the fields by name: strings, numbers, truth values, lists, or nil.
	Fields map[string]any
}

// viewFields are the names of a view's members.
var viewFields = []string{".ID", ".Rule", ".Priority", ".Source", ".Hostname", ".Time", ".Output", ".Message", ".Tags", ".Fields", ".Field"}

func newView(a *alert.Alert, iso8601 bool) view {
	prefix := *a
	prefix.Message = ""
	v := view{
		ID: a.ID, Rule: a.Rule, Priority: a.Priority.String(), Source: a.Source, Hostname: a.Hostname,
		Time: time.Unix(0, a.Time).UTC(), Message: a.Message, Tags: a.Tags,
		Output: string(prefix.AppendText(nil, alert.Options{ISO8601: iso8601})) + a.Message,
		Fields: make(map[string]any, len(a.Fields)),
	}
	for _, f := range a.Fields {
		decoder := json.NewDecoder(strings.NewReader(f.JSON))
		decoder.UseNumber() // a number is written as it came
		var value any
		if decoder.Decode(&value) != nil {
			value = f.JSON
		}
		v.Fields[f.Name] = value
	}
	return v
}

// Field gives a field as text, empty when the event has none.
func (v view) Field(name string) string {
	switch value := v.Fields[name].(type) {
	case nil:
		return ""
	case string:
		return value
	default:
		text, _ := toJSON(value)
		return text
	}
}

// functions are those of a template beside text/template's own, of which those that could make a text grow without
// end have a limit here.
var functions = texttemplate.FuncMap{
	"json":     toJSON,
	"upper":    strings.ToUpper,
	"lower":    strings.ToLower,
	"trim":     strings.TrimSpace,
	"contains": func(part, text string) bool { return strings.Contains(text, part) },
	"join":     join,
	"truncate": truncate,
	"default": func(other, value any) any {
		if truth, ok := texttemplate.IsTrue(value); ok && truth {
			return value
		}
		return other
	},
	"print":    limited(fmt.Sprint),
	"println":  limited(fmt.Sprintln),
	"html":     limited(texttemplate.HTMLEscaper),
	"js":       limited(texttemplate.JSEscaper),
	"urlquery": limited(texttemplate.URLQueryEscaper),
	"printf":   printf,
}

var errLarge = fmt.Errorf("a text of more than %d bytes", maxOutput)

// limited refuses to make a text of too long ones.
func limited(f func(...any) string) func(...any) (string, error) {
	return func(args ...any) (string, error) {
		if length(args) > maxOutput {
			return "", errLarge
		}
		return f(args...), nil
	}
}

// length gives about how long values are as text.
func length(args []any) int {
	total := 0
	for _, a := range args {
		if s, ok := a.(string); ok {
			total += len(s)
		} else {
			total += len(fmt.Sprint(a))
		}
	}
	return total
}

// printf is fmt.Sprintf with limits on what the widths and the repetition of arguments can make of it.
func printf(format string, args ...any) (string, error) {
	verbs := 0
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			continue
		}
		verbs++
		// What may stand between % and the letter.
		for digits := 0; i+1 < len(format) && strings.IndexByte("+-# .[]*0123456789", format[i+1]) >= 0; i++ {
			switch c := format[i+1]; {
			case c == '*':
				return "", errors.New("printf: no width can be taken from an argument")
			case c < '0' || c > '9':
				digits = 0
			default:
				if digits++; digits > 3 {
					return "", errors.New("printf: a width has three digits at most")
				}
			}
		}
	}
	const perVerb = 1000
	if len(format)+verbs*(perVerb+length(args)) > 16*maxOutput {
		return "", errLarge
	}
	return fmt.Sprintf(format, args...), nil
}

// toJSON writes a value as JSON on one line. <, > and & stay what they are.
func toJSON(value any) (string, error) {
	if length([]any{value}) > maxOutput {
		return "", errLarge
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return "", err
	}
	return strings.TrimSuffix(out.String(), "\n"), nil
}

// join puts a separator between the values of a list.
func join(separator string, list any) (string, error) {
	var texts []string
	switch list := list.(type) {
	case []string:
		texts = list
	case []any:
		for _, value := range list {
			texts = append(texts, fmt.Sprint(value))
		}
	case nil:
	default:
		return "", fmt.Errorf("join: a list is needed, not %T", list)
	}
	total := len(separator) * len(texts)
	for _, text := range texts {
		total += len(text)
	}
	if total > maxOutput {
		return "", errLarge
	}
	return strings.Join(texts, separator), nil
}

// truncate gives at most n characters of the text, with … for what is left out.
func truncate(n int, text string) string {
	if n < 0 || utf8.RuneCountInString(text) <= n {
		return text
	}
	end := 0
	for range max(n-1, 0) {
		_, size := utf8.DecodeRuneInString(text[end:])
		end += size
	}
	if n == 0 {
		return ""
	}
	return text[:end] + "…"
}
