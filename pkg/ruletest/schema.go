package ruletest

import (
	"bytes"
	_ "embed"
)

//go:embed schema.json
var schema []byte

// Schema gives the JSON schema (draft 07) of test files, for editors and for other programs. Read checks more than it can
// say: fields and their values, names of rules, and what belongs together.
func Schema() []byte { return bytes.Clone(schema) }
