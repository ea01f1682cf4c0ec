package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/saker-security/saker/pkg/field"
)

// items gives the items of a sequence; what tells the reader of the error how one looks.
func (v *value) items(what string) ([]*value, error) {
	if v.list == nil {
		return nil, fmt.Errorf("must be a sequence of %s", what)
	}
	return v.list, nil
}

// mapping refuses what is no mapping.
func (v *value) mapping(what string) error {
	if v.keys == nil {
		return fmt.Errorf("must be a mapping, such as %s", what)
	}
	return nil
}

// text gives the scalar under a key of a mapping, empty when there is none.
func (v *value) text(key string) (string, error) {
	item := v.keys[key]
	if !item.given() {
		return "", nil
	}
	s, err := scalar(item)
	if err != nil {
		return "", fmt.Errorf("%s: %w", shown(key), err)
	}
	return s, nil
}

// given tells whether a key is there and has a value that is not null.
func (v *value) given() bool { return v != nil && (v.isSet || v.list != nil || v.keys != nil) }

// texts gives the scalars of a sequence; a single scalar is a sequence of one.
func (v *value) texts() ([]string, error) {
	items := v.list
	if items == nil {
		items = []*value{v}
	}
	var out []string
	for _, item := range items {
		s, err := scalar(item)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// placed is an error that says already where it is.
type placed struct{ error }

// wrap says where in a structured key an error is.
func (v *value) wrap(at string, err error) error {
	return placed{fmt.Errorf("%s: key %s: %w", v.origin, at, err)}
}

// warnOthers warns of keys of a mapping that mean nothing.
func (c *Config) warnOthers(v *value, at string, known ...string) {
	for _, name := range v.order {
		if slices.Contains(known, name) {
			continue
		}
		text := fmt.Sprintf("unknown key %s in %s has no effect", shown(name), at)
		if near := field.Nearest(name, known, 1); len(near) > 0 {
			text += "; did you mean " + near[0] + "?"
		} else {
			text += "; there are " + strings.Join(known, ", ")
		}
		c.warn("%s: %s", v.keys[name].key, text)
	}
}

// shown is a name of the file as a message shows it: with quotation marks and escapes when it is not plain.
func shown(name string) string {
	if q := strconv.Quote(name); len(q) != len(name)+2 {
		return q
	}
	return name
}

func (c *Config) warn(format string, args ...any) {
	c.warnings = append(c.warnings, fmt.Sprintf(format, args...))
}
