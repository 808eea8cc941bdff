package configs

func validate(cfg *Config, d *decoder) {}
