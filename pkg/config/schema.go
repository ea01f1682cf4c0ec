package config

type schema = map[string]any

func refer(name string) schema { return schema{"$ref": "#/definitions/" + name} }
