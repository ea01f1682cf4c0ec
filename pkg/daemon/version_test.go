package daemon

import (
	"encoding/json"
	"testing"

	"github.com/saker-security/saker/pkg/rule"
)

// Tools that ask Falco for its versions find every key.
func TestVersions(t *testing.T) {
	text, err := json.Marshal(Versions())
	if err != nil {
		t.Fatal(err)
	}
	var have map[string]any
	if err := json.Unmarshal(text, &have); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{
		"default_driver_version", "driver_api_version", "driver_schema_version", "engine_version", "engine_version_semver",
		"falco_version", "libs_version", "plugin_api_version", "plugin_versions", "saker_version",
	} {
		if _, ok := have[key]; !ok {
			t.Errorf("no key %s in %s", key, text)
		}
	}
	if have["engine_version_semver"] != rule.EngineVersion || "0."+have["engine_version"].(string)+".0" != rule.EngineVersion {
		t.Errorf("engine versions %v and %v", have["engine_version_semver"], have["engine_version"])
	}
	if p, ok := have["plugin_versions"].(map[string]any); !ok || p["k8saudit"] == "" {
		t.Errorf("plugins %v", have["plugin_versions"])
	}
}
