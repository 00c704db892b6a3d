//! Configuration: command-line flags over `RANKSCOPE_*` environment variables over `rankscope.toml`.
//! What is wrong is said at the start, with the field, where it was set, and what to write instead.

use rankscope_domain::{FieldErrors, MemorySize, validate::LEAST_MEMORY};
use rankscope_engine::Processor;
use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    net::{SocketAddr, ToSocketAddrs},
    path::{Path, PathBuf},
};

/// Folder of added sets, where studies are kept.
const DATASETS: &str = "datasets";

/// File name of the default model, under `models/` of the cache directory.
pub const DEFAULT_MODEL_FILE: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";

const ADDRESS: &str = "address";
const DATA_DIR: &str = "data_dir";
const SITE_DIR: &str = "site_dir";
const DEFAULT_MODEL: &str = "default_model";
const JOBS: &str = "jobs";
const MEMORY_LIMIT: &str = "memory_limit";
const DEVICE: &str = "device";
const DATASETS_DIR: &str = "datasets_dir";
const DATASET_UPLOAD_LIMIT: &str = "dataset_upload_limit";
const FIELDS: [&str; 9] = [ADDRESS, DATA_DIR, SITE_DIR, DEFAULT_MODEL, JOBS, MEMORY_LIMIT, DEVICE, DATASETS_DIR, DATASET_UPLOAD_LIMIT];
/// Bytes of a set that may be uploaded, where nothing is said.
const UPLOAD_LIMIT: u64 = 512 << 20;

/// What every command may be told.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct CommonFlags {
    /// Configuration file [default: rankscope.toml in this directory, where there is one]
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// GGUF file that `source = "default"` in a recipe stands for
    #[arg(long, value_name = "FILE", global = true)]
    pub default_model: Option<PathBuf>,
    /// The most memory that a study may take, as 8GiB or in bytes [default: what the machine has, less a margin]
    #[arg(long, value_name = "SIZE", global = true)]
    pub memory_limit: Option<String>,
    /// What models compute on: cpu, cuda:N, or auto, the first GPU where program and machine have CUDA [default: auto]
    #[arg(long, value_name = "DEVICE", global = true)]
    pub device: Option<String>,
    /// Where sets of texts lie that were added [default: datasets/ where studies are kept]
    #[arg(long, value_name = "DIR", global = true)]
    pub datasets_dir: Option<PathBuf>,
}

/// What `serve` may be told besides.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ServeFlags {
    /// Where to listen; a loopback address, port 0 for any free port [default: 127.0.0.1:3000]
    #[arg(long, value_name = "HOST:PORT")]
    pub address: Option<String>,
    /// Where studies are kept [default: ~/.local/share/rankscope]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// The browser client's files [default: looked for beside the program]
    #[arg(long, value_name = "DIR")]
    pub site_dir: Option<PathBuf>,
    /// How many studies may run at once [default: 1]
    #[arg(long, value_name = "N")]
    pub jobs: Option<String>,
    /// The largest set of texts that may be uploaded, as 1GiB or in bytes [default: 512MiB]
    #[arg(long, value_name = "SIZE")]
    pub dataset_upload_limit: Option<String>,
}

/// Everything that the server needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    pub address: SocketAddr,
    pub data_dir: PathBuf,
    /// Absent: no client was found, and pages work without live progress.
    pub site_dir: Option<PathBuf>,
    pub default_model: PathBuf,
    pub jobs: usize,
    /// Bytes that one study may take; absent: as the machine has.
    pub memory_limit: Option<u64>,
    /// What models compute on.
    pub processor: Processor,
    /// Where sets of texts lie that were added.
    pub datasets_dir: PathBuf,
    /// Bytes of a set that may be uploaded.
    pub dataset_upload_limit: u64,
}

/// What the commands without a server need to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StudyConfig {
    pub default_model: PathBuf,
    /// Bytes that a study may take; absent: as the machine has.
    pub memory_limit: Option<u64>,
    pub processor: Processor,
    /// Where sets of texts lie that were added.
    pub datasets_dir: PathBuf,
}

/// A value and where it comes from.
struct Setting {
    value: OsString,
    source: String,
    /// Relative paths of a configuration file are relative to it.
    base: Option<PathBuf>,
}

/// All layers, the strongest first.
struct Layers {
    flags: BTreeMap<&'static str, OsString>,
    environment: BTreeMap<&'static str, OsString>,
    file: BTreeMap<&'static str, OsString>,
    file_path: PathBuf,
}

/// Reads the configuration of `serve`.
pub fn load(common: &CommonFlags, serve: &ServeFlags) -> Result<Config, FieldErrors> {
    let layers = Layers::read(common, serve)?;
    let mut errors = FieldErrors::default();
    let address = layers.address().unwrap_or_else(|error| {
        errors.0.extend(error.0);
        SocketAddr::from(([127, 0, 0, 1], 0))
    });
    let data_dir = match layers.path(DATA_DIR).or_else(default_data_dir) {
        Some(path) => path,
        None => {
            errors.push(DATA_DIR, "", "There is no home directory to keep studies in; set it with --data-dir or RANKSCOPE_DATA_DIR.");
            PathBuf::new()
        }
    };
    let site_dir = match layers.path(SITE_DIR) {
        Some(path) if path.is_dir() => Some(path),
        Some(path) => {
            errors.push(
                SITE_DIR,
                path.display(),
                layers.said(SITE_DIR, "There is no such directory; `make build` fills it, or leave the setting out."),
            );
            None
        }
        None => find_site_dir(),
    };
    let jobs = layers.jobs().unwrap_or_else(|error| {
        errors.0.extend(error.0);
        1
    });
    let default_model = layers.default_model().unwrap_or_else(|error| {
        errors.0.extend(error.0);
        PathBuf::new()
    });
    let memory_limit = layers.memory_limit().unwrap_or_else(|error| {
        errors.0.extend(error.0);
        None
    });
    let processor = layers.processor().unwrap_or_else(|error| {
        errors.0.extend(error.0);
        Processor::Cpu
    });
    let dataset_upload_limit = layers.dataset_upload_limit().unwrap_or_else(|error| {
        errors.0.extend(error.0);
        UPLOAD_LIMIT
    });
    let datasets_dir = layers.path(DATASETS_DIR).unwrap_or_else(|| data_dir.join(DATASETS));
    errors.into_result(Config {
        address,
        data_dir,
        site_dir,
        default_model,
        jobs,
        memory_limit,
        processor,
        datasets_dir,
        dataset_upload_limit,
    })
}

/// Reads what the commands without a server need.
pub fn load_for_study(common: &CommonFlags) -> Result<StudyConfig, FieldErrors> {
    let layers = Layers::read(common, &ServeFlags::default())?;
    Ok(StudyConfig {
        default_model: layers.default_model()?,
        memory_limit: layers.memory_limit()?,
        processor: layers.processor()?,
        datasets_dir: layers.datasets_dir(),
    })
}

/// Reads where sets of texts lie that were added; `data_dir`: where studies are kept, the strongest.
pub fn load_datasets_dir(common: &CommonFlags, data_dir: Option<PathBuf>) -> Result<PathBuf, FieldErrors> {
    Ok(Layers::read(common, &ServeFlags { data_dir, ..ServeFlags::default() })?.datasets_dir())
}

/// Reads what models compute on.
pub fn load_processor(common: &CommonFlags) -> Result<Processor, FieldErrors> {
    Layers::read(common, &ServeFlags::default())?.processor()
}

/// Reads where studies are kept; `flag` is the strongest.
pub fn load_data_dir(common: &CommonFlags, flag: Option<PathBuf>) -> Result<PathBuf, FieldErrors> {
    let layers = Layers::read(common, &ServeFlags { data_dir: flag, ..ServeFlags::default() })?;
    let remedy = "There is no home directory to look for studies in; set it with --data-dir or RANKSCOPE_DATA_DIR.";
    layers.path(DATA_DIR).or_else(default_data_dir).ok_or_else(|| FieldErrors::one(DATA_DIR, "", remedy))
}

/// Where models are kept: `rankscope/models` in the user's cache directory.
pub fn models_dir() -> Option<PathBuf> {
    absolute_variable("RANKSCOPE_MODELS_DIR").or_else(|| Some(home_directory("XDG_CACHE_HOME", ".cache")?.join("rankscope/models")))
}

impl Layers {
    fn read(common: &CommonFlags, serve: &ServeFlags) -> Result<Self, FieldErrors> {
        let flags = [
            (ADDRESS, serve.address.clone().map(OsString::from)),
            (DATA_DIR, serve.data_dir.clone().map(OsString::from)),
            (SITE_DIR, serve.site_dir.clone().map(OsString::from)),
            (DEFAULT_MODEL, common.default_model.clone().map(OsString::from)),
            (JOBS, serve.jobs.clone().map(OsString::from)),
            (MEMORY_LIMIT, common.memory_limit.clone().map(OsString::from)),
            (DEVICE, common.device.clone().map(OsString::from)),
            (DATASETS_DIR, common.datasets_dir.clone().map(OsString::from)),
            (DATASET_UPLOAD_LIMIT, serve.dataset_upload_limit.clone().map(OsString::from)),
        ];
        let environment = FIELDS.map(|field| (field, env::var_os(variable(field)).filter(|value| !value.is_empty())));
        let chosen = common.config.clone().or_else(|| env::var_os("RANKSCOPE_CONFIG").filter(|value| !value.is_empty()).map(PathBuf::from));
        let file_path = chosen.clone().unwrap_or_else(|| "rankscope.toml".into());
        let present = |(field, value): (&'static str, Option<OsString>)| Some((field, value?));
        Ok(Self {
            flags: flags.into_iter().filter_map(present).collect(),
            environment: environment.into_iter().filter_map(present).collect(),
            file: read_file(&file_path, chosen.is_some())?,
            file_path,
        })
    }

    fn get(&self, field: &'static str) -> Option<Setting> {
        if let Some(value) = self.flags.get(field) {
            return Some(Setting { value: value.clone(), source: format!("--{}", field.replace('_', "-")), base: None });
        }
        if let Some(value) = self.environment.get(field) {
            return Some(Setting { value: value.clone(), source: variable(field), base: None });
        }
        let value = self.file.get(field)?.clone();
        Some(Setting { value, source: self.file_path.display().to_string(), base: self.file_path.parent().map(Path::to_path_buf) })
    }

    /// A remedy that begins with where the value was set.
    fn said(&self, field: &'static str, remedy: &str) -> String {
        match self.get(field) {
            Some(setting) => format!("(from {}) {remedy}", setting.source),
            None => remedy.into(),
        }
    }

    fn path(&self, field: &'static str) -> Option<PathBuf> {
        let setting = self.get(field)?;
        let path = setting.base.unwrap_or_default().join(setting.value);
        Some(std::path::absolute(&path).unwrap_or(path))
    }

    fn default_model(&self) -> Result<PathBuf, FieldErrors> {
        if let Some(path) = self.path(DEFAULT_MODEL) {
            return Ok(path);
        }
        let remedy = "There is no home directory to look for the default model in; set it with --default-model or RANKSCOPE_DEFAULT_MODEL.";
        Ok(models_dir().ok_or_else(|| FieldErrors::one(DEFAULT_MODEL, "", remedy))?.join(DEFAULT_MODEL_FILE))
    }

    fn jobs(&self) -> Result<usize, FieldErrors> {
        let Some(setting) = self.get(JOBS) else { return Ok(1) };
        let text = setting.value.to_string_lossy();
        match text.parse() {
            Ok(jobs @ 1..=64) => Ok(jobs),
            _ => Err(FieldErrors::one(JOBS, &text, self.said(JOBS, "Write a whole number from 1 to 64: how many studies run at once."))),
        }
    }

    fn memory_limit(&self) -> Result<Option<u64>, FieldErrors> {
        let Some(setting) = self.get(MEMORY_LIMIT) else { return Ok(None) };
        let text = setting.value.to_string_lossy();
        match text.parse::<MemorySize>() {
            Ok(MemorySize(bytes)) if bytes >= LEAST_MEMORY => Ok(Some(bytes)),
            _ => Err(FieldErrors::one(
                MEMORY_LIMIT,
                &text,
                self.said(MEMORY_LIMIT, "Write bytes, or a size such as 8GiB, of at least 1 MiB: what one study may take."),
            )),
        }
    }

    fn datasets_dir(&self) -> PathBuf {
        self.path(DATASETS_DIR).unwrap_or_else(|| self.path(DATA_DIR).or_else(default_data_dir).unwrap_or_default().join(DATASETS))
    }

    fn dataset_upload_limit(&self) -> Result<u64, FieldErrors> {
        let Some(setting) = self.get(DATASET_UPLOAD_LIMIT) else { return Ok(UPLOAD_LIMIT) };
        let text = setting.value.to_string_lossy();
        match text.parse::<MemorySize>() {
            Ok(MemorySize(bytes)) if bytes >= 1 << 10 => Ok(bytes),
            _ => Err(FieldErrors::one(
                DATASET_UPLOAD_LIMIT,
                &text,
                self.said(DATASET_UPLOAD_LIMIT, "Write bytes, or a size such as 512MiB, of at least 1 KiB: what an upload may have."),
            )),
        }
    }

    fn processor(&self) -> Result<Processor, FieldErrors> {
        let text = self.get(DEVICE).map_or_else(|| "auto".into(), |setting| setting.value.to_string_lossy().into_owned());
        Processor::choose(&text).map_err(|remedy| FieldErrors::one(DEVICE, &text, self.said(DEVICE, &remedy)))
    }

    fn address(&self) -> Result<SocketAddr, FieldErrors> {
        let Some(setting) = self.get(ADDRESS) else { return Ok(SocketAddr::from(([127, 0, 0, 1], 3000))) };
        let text = setting.value.to_string_lossy().into_owned();
        let refuse = |remedy: &str| FieldErrors::one(ADDRESS, &text, self.said(ADDRESS, remedy));
        let resolved = text.to_socket_addrs().map_err(|_| refuse("Write a host and a port, as in 127.0.0.1:3000."))?;
        let mut addresses: Vec<_> = resolved.collect();
        // `localhost` may be ::1 as well: what browsers try first is the one to listen on
        addresses.sort_by_key(SocketAddr::is_ipv6);
        let address = *addresses.first().ok_or_else(|| refuse("This name has no address; write 127.0.0.1:3000."))?;
        if !address.ip().is_loopback() {
            return Err(refuse(
                "Rankscope has no accounts: whoever can reach it can start studies and read files. It listens on loopback addresses alone. \
                 Write 127.0.0.1:3000, and from another machine come by a tunnel: ssh -L 3000:127.0.0.1:3000 HOST.",
            ));
        }
        Ok(address)
    }
}

fn variable(field: &str) -> String {
    format!("RANKSCOPE_{}", field.to_uppercase())
}

fn read_file(path: &Path, must_exist: bool) -> Result<BTreeMap<&'static str, OsString>, FieldErrors> {
    let shown = path.display();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !must_exist => return Ok(BTreeMap::new()),
        Err(error) => return Err(FieldErrors::one("config", shown, format!("The configuration file can't be read: {error}."))),
    };
    let table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| FieldErrors::one("config", &shown, format!("This is not TOML: {}.", error.message())))?;
    let mut errors = FieldErrors::default();
    let mut values = BTreeMap::new();
    for (key, value) in table {
        let Some(&field) = FIELDS.iter().find(|field| **field == key) else {
            errors.push(&key, &value, format!("{shown} has a setting that Rankscope doesn't know; it knows {}.", FIELDS.join(", ")));
            continue;
        };
        match value {
            toml::Value::String(text) => {
                values.insert(field, OsString::from(text));
            }
            toml::Value::Integer(number) => {
                values.insert(field, OsString::from(number.to_string()));
            }
            other => errors.push(field, other, format!("In {shown}: write text in quotation marks, or a whole number for {JOBS}.")),
        }
    }
    errors.into_result(values)
}

fn absolute_variable(name: &str) -> Option<PathBuf> {
    env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// A directory of the XDG base directory specification, which ignores relative paths.
fn home_directory(name: &str, fallback: &str) -> Option<PathBuf> {
    absolute_variable(name).or_else(|| Some(absolute_variable("HOME")?.join(fallback)))
}

fn default_data_dir() -> Option<PathBuf> {
    Some(home_directory("XDG_DATA_HOME", ".local/share")?.join("rankscope"))
}

/// Where the client may be: where cargo-leptos says, beside the program, or beside its build folder.
fn find_site_dir() -> Option<PathBuf> {
    let program = env::current_exe().ok();
    let folder = program.as_deref().and_then(Path::parent);
    let beside =
        folder.into_iter().flat_map(|folder| [folder.join("site"), folder.join("../site"), folder.join("../share/rankscope/site")]);
    env::var_os("LEPTOS_SITE_ROOT")
        .map(PathBuf::from)
        .into_iter()
        .chain(beside)
        .find(|path| path.join("pkg").is_dir())
        .and_then(|path| std::path::absolute(path).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(address: Option<&str>, jobs: Option<&str>, file: &str) -> Result<Config, FieldErrors> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rankscope.toml");
        std::fs::write(&path, file).unwrap();
        let common = CommonFlags { config: Some(path), ..CommonFlags::default() };
        let serve = ServeFlags { address: address.map(Into::into), jobs: jobs.map(Into::into), ..ServeFlags::default() };
        load(&common, &serve)
    }

    #[test]
    fn flags_come_before_the_file() {
        let file = "address = \"127.0.0.1:4000\"\njobs = 3\ndata_dir = \"studies\"\n";
        let config = with(Some("localhost:0"), None, file).unwrap();
        assert_eq!(config.address, SocketAddr::from(([127, 0, 0, 1], 0)));
        assert_eq!(config.jobs, 3);
        assert!(config.data_dir.is_absolute() && config.data_dir.ends_with("studies"));
        assert_eq!(with(None, Some("2"), file).unwrap().jobs, 2);
        assert_eq!(config.memory_limit, None);
        assert_eq!(with(None, None, "memory_limit = \"2 GiB\"").unwrap().memory_limit, Some(2 << 30));
    }

    #[test]
    fn each_wrong_setting_is_named() {
        for (address, jobs, file, field, said) in [
            (Some("0.0.0.0:3000"), None, "", "address", "no accounts"),
            (Some("[::]:3000"), None, "", "address", "no accounts"),
            (Some("3000"), None, "", "address", "--address"),
            (None, Some("0"), "", "jobs", "from 1 to 64"),
            (None, None, "jobs = \"many\"", "jobs", "rankscope.toml"),
            (None, None, "memory_limit = \"much\"", "memory_limit", "rankscope.toml"),
            (None, None, "memory_limit = 5", "memory_limit", "at least 1 MiB"),
            (None, None, "device = \"gpu\"", "device", "rankscope.toml"),
            (None, None, "device = \"gpu\"", "device", "Write cpu, cuda:0"),
            (None, None, "device = \"cuda:999\"", "device", "cpu."),
            (None, None, "prot = 3", "prot", "doesn't know"),
            (None, None, "jobs = [1]", "jobs", "whole number"),
            (None, None, "jobs", "config", "not TOML"),
            (None, None, "site_dir = \"/nowhere/at/all\"", "site_dir", "no such directory"),
        ] {
            let errors = with(address, jobs, file).unwrap_err();
            let error = errors.of(field).next().unwrap_or_else(|| panic!("{field} is not named: {errors}"));
            assert!(error.remedy.contains(said), "{error}");
        }
    }
}
