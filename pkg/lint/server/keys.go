package server

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"github.com/saker-security/saker/pkg/lint/schema"
)

// keyHelp is what each key of an item is for, as the JSON schema of rules files says it.
var keyHelp = sync.OnceValue(func() map[string]string { return readKeys(schema.Rules()) })

type property struct {
	Description string `json:"description"`
	Ref         string `json:"$ref"`
}

func readKeys(data []byte) map[string]string {
	var file struct {
		Definitions map[string]struct {
			property
			Properties map[string]json.RawMessage `json:"properties"`
		} `json:"definitions"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		panic("the schema is part of the program: " + err.Error())
	}
	help := map[string]string{}
	for key, raw := range file.Definitions["item"].Properties {
		var p property
		if err := json.Unmarshal(raw, &p); err != nil {
			panic("the schema is part of the program: " + err.Error())
		}
		help[key] = p.Description
		if p.Description == "" {
			help[key] = file.Definitions[strings.TrimPrefix(p.Ref, "#/definitions/")].Description
		}
	}
	return help
}

// keysOf lists the keys that an item may have; those that begin an item when it is not known yet what it will be.
func keysOf(kind string) []string {
	switch kind {
	case "list":
		return []string{"list", "items", "override"}
	case "macro":
		return []string{"macro", "condition", "override"}
	case "":
		return []string{"rule", "macro", "list", "required_engine_version", "required_plugin_versions"}
	}
	var keys []string
	for key := range keyHelp() {
		if !slices.Contains([]string{"list", "items", "macro", "append", "required_engine_version", "required_plugin_versions"}, key) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}
