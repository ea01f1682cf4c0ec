package config

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Key is one row of the table of keys.
type Key struct {
	// Name is the dotted path.
	Name string
	// Default is the value as YAML text where nothing is said; empty for none.
	Default string
	// Falco is Falco's default where it is another, with the reason why ours is not the same.
	Falco string
	// Allowed tells what may be written.
	Allowed string
	// Help is a sentence for people.
	Help string
	// Inert says why the key has no effect, empty for a key that has one. A key without effect that is set to its
	// default changes nothing and is not warned of.
	Inert string
	// Ours marks a key that Falco does not have, Old one that only older versions of Falco have.
	Ours, Old bool
	// Secret marks a value that is never shown.
	Secret bool
	// Section is the heading under which the key is documented.
	Section string

	schema schema
	// set may return several errors, joined.
	set  func(c *Config, v *value) error
	show func(c *Config) any
	// preset is set when the default is made by code, not by the row.
	preset bool
	// list is set when the value is a sequence.
	list bool
}

// key makes a row for a key whose value is kept in the configuration.
func key[T any](name, def string, f form[T], at func(*Config) *T, help string) Key {
	return Key{
		Name: name, Default: def, Allowed: f.what, Help: help, schema: f.schema, list: isSlice[T](),
		set: func(c *Config, v *value) error {
			x, err := f.read(v)
			if err == nil {
				*at(c) = x
			}
			return err
		},
		show: func(c *Config) any { return f.show(*at(c)) },
	}
}

func isSlice[T any]() bool { return reflect.TypeFor[T]().Kind() == reflect.Slice }

// inert makes a row for a key without effect; why tells the reason. Other values than the default, as the files of some
// versions of Falco have them, are not warned of either.
func inert[T any](name, def string, f form[T], help, why string, stock ...string) Key {
	k := Key{Name: name, Default: def, Allowed: f.what, Help: help, Inert: why, schema: f.schema, list: isSlice[T]()}
	k.set = func(_ *Config, v *value) error {
		x, err := f.read(v)
		if err != nil {
			return err
		}
		for _, text := range append(stock, def) {
			if d, err := f.read(parseDefault(text)); err == nil && reflect.DeepEqual(x, d) {
				return nil
			}
		}
		return errInert
	}
	return k
}

// errInert is returned by keys without effect that are not at their default.
var errInert = errors.New("no effect")

// structured makes a row for a key that is read by a function of its own.
func structured(name, what string, list bool, set func(*Config, *value) error, show func(*Config) any, s schema, help string) Key {
	return Key{Name: name, Allowed: what, Help: help, schema: s, list: list, set: set, show: show}
}

// ours marks a key that Falco does not have.
func (k Key) ours() Key { k.Ours = true; return k }

// secret marks a key whose value is not shown.
func (k Key) secret() Key { k.Secret = true; return k }

// falco says what Falco's default is and why ours is another.
func (k Key) falco(def, why string) Key { k.Falco = "`" + def + "`: " + why; return k }

// also does more once the value is set.
func (k Key) also(then func(*Config, *value)) Key {
	set := k.set
	k.set = func(c *Config, v *value) error {
		err := set(c, v)
		if err == nil {
			then(c, v)
		}
		return err
	}
	return k
}

// parseDefault reads the default of a row.
func parseDefault(text string) *value {
	nodes := 0
	r := reader{nodes: &nodes, literal: true}
	v, err := r.leaf(text, true)
	if err != nil {
		panic(fmt.Sprintf("default %s: %v", text, err))
	}
	return v
}

// table is a list of keys with an index.
type table struct {
	keys  []Key
	named map[string]*Key
	// sections are the names that have keys below them, each with the first of these.
	sections map[string]string
	// names are those of the keys and sections.
	names []string
}

func newTable(keys []Key) *table {
	t := &table{keys: keys, named: map[string]*Key{}, sections: map[string]string{}}
	for i := range keys {
		k := &keys[i]
		t.named[k.Name] = k
		t.names = append(t.names, k.Name)
		for j, c := range []byte(k.Name) {
			if c == '.' && t.sections[k.Name[:j]] == "" {
				t.sections[k.Name[:j]] = k.Name
				t.names = append(t.names, k.Name[:j])
			}
		}
	}
	return t
}

// carryOut reads a mapping: what the table has is set, in the order of the table, what it does not have is warned of.
// prefix stands before the names in messages. A value of a wrong type is an error, but for keys of the main table that
// have no effect it is a warning: it keeps nothing from working. Falco's plugins refuse it whatever the key.
func (t *table) carryOut(c *Config, v *value, prefix string) {
	found := map[string]*value{}
	t.collect(c, v, "", prefix, found)
	for i := range t.keys {
		k := &t.keys[i]
		item := found[k.Name]
		if item == nil {
			continue
		}
		full := prefix + k.Name
		c.record.given[full], c.record.origins[full] = item.origin, item.origins()
		err := k.set(c, item)
		switch {
		case err == nil:
		case errors.Is(err, errInert):
			c.warn(item.key, "key %s has no effect: %s", full, k.Inert)
		case k.Inert != "" && prefix == "":
			f := k.problem(item, full, err)
			c.warn(f.at, "%s", f.text)
		default:
			c.record.bad[full] = true
			for _, e := range each(err) {
				c.fail(k.problem(item, full, e))
			}
		}
	}
}

// collect finds the keys of the table in a mapping.
func (t *table) collect(c *Config, v *value, path, prefix string, found map[string]*value) {
	for _, name := range v.order {
		item, full := v.keys[name], path+name
		first, isSection := t.sections[full]
		switch {
		case t.named[full] != nil:
			if item.given() {
				found[full] = item
			}
		case !isSection:
			text := "unknown key " + shown(prefix+full) + " has no effect"
			if c.record.unknown++; c.record.unknown <= maxWarnings {
				text += t.meant(full, prefix) // which takes time
			}
			c.warn(item.key, "%s", text)
		case item.keys != nil:
			t.collect(c, item, full+".", prefix, found)
		case item.given():
			text := fmt.Sprintf("key %s must be a mapping with keys such as %s", prefix+full, first[len(full)+1:])
			if t.named[first].Inert != "" {
				c.warn(item.origin, "%s", text)
				continue
			}
			c.fail(&finding{item.origin, text})
		}
	}
}

// meant is the end of a sentence about an unknown key.
func (t *table) meant(name, prefix string) string {
	end := nearest(name, t.names)
	if prefix != "" && end != "" {
		end = strings.Replace(end, "mean ", "mean "+prefix, 1)
	}
	return end
}

// problem is the message about a value that a key cannot have.
func (k *Key) problem(v *value, name string, err error) *finding {
	if !errors.Is(err, errForm) {
		return placed(err, v.origin, name)
	}
	given := "the value"
	switch {
	case v.keys != nil:
		given = "a mapping"
	case v.list != nil:
		given = "this list"
	case !k.Secret:
		given = strconv.Quote(cut(v.written, 100))
	}
	return &finding{v.origin, fmt.Sprintf("key %s: %s is not allowed, write %s", name, given, k.Allowed)}
}
