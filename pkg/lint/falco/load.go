package falco

import (
	"strings"

	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/rule"
)

// Load loads rules files in order and reports on each. As in Falco a file sees what is defined in those before it, and
// an error of a rule comes again with each later file that does not correct it.
func Load(files []rule.File, catalogues map[string]*field.Catalogue, options rule.Options) *Results {
	r := &Results{contents: map[string]string{}}
	var missing []string
	for i, v := range options.Verdicts(files, catalogues) {
		f := Result{Name: v.File, Errors: v.Errors, Warnings: v.Warnings}
		if !unreadable(v.Errors) {
			f.Checked, f.Schema = schemaWarnings(files[i].Data)
		}
		r.contents[files[i].Name] = string(files[i].Data)
		for j := range v.Unmet {
			missing = append(missing, message(&v.Unmet[j]))
		}
		r.Files = append(r.Files, f)
	}
	r.Missing = strings.Join(missing, "; ")
	return r
}

// unreadable tells whether a file was refused before its items were read.
func unreadable(errors []rule.Diagnostic) bool {
	return len(errors) > 0 && (errors[0].Falco == "LOAD_ERR_FILE_READ" || errors[0].Falco == "LOAD_ERR_YAML_PARSE")
}
