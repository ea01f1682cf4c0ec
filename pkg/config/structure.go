package config

import (
	"fmt"
	"slices"
	"strings"
)

// scalar gives the text of what is neither a list nor a mapping.
func scalar(v *value) (string, error) {
	if v.list != nil || v.keys != nil {
		return "", fmt.Errorf("must be a single value")
	}
	return v.scalar, nil
}

// truth reads true or false.
func truth(v *value) (bool, error) {
	s, err := scalar(v)
	if err != nil {
		return false, err
	}
	b, ok := booleans[strings.ToLower(s)]
	if !ok {
		return false, fmt.Errorf("%q is neither true nor false", cut(v.written, 100))
	}
	return b, nil
}

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

// wrap says where in a structured key an error is.
func (v *value) wrap(at string, err error) error { return placed(err, v.origin, at) }

// warnOthers warns of keys of a mapping that mean nothing.
func (c *Config) warnOthers(v *value, at string, known ...string) {
	for _, name := range v.order {
		if slices.Contains(known, name) {
			continue
		}
		meant := ""
		if c.record.unknown++; c.record.unknown <= maxWarnings {
			meant = nearest(name, known)
		}
		if meant == "" {
			meant = "; there are " + strings.Join(known, ", ")
		}
		c.warn(v.keys[name].key, "unknown key %s in %s has no effect%s", shown(name), at, meant)
	}
}
