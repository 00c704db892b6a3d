//! Configuration: command-line flags over `RANKSCOPE_*` environment variables over `rankscope.toml`.
//! What is wrong is said at the start, with the field, where it was set, and what to write instead.

use crate::{
    accounts::password::{MAX_BYTES, NewPassword, PasswordFile},
    proxies::Proxies,
};
use rankscope_domain::{FieldErrors, MemorySize, validate::LEAST_MEMORY};
use rankscope_engine::Processor;
use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    fs::File,
    io::Read,
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
const STUDY_UPLOAD_LIMIT: &str = "study_upload_limit";
const ADMIN_PASSWORD_FILE: &str = "admin_password_file";
const TRUSTED_PROXIES: &str = "trusted_proxies";
const HOSTS: &str = "hosts";
const FIELDS: [&str; 13] = [
    ADDRESS,
    DATA_DIR,
    SITE_DIR,
    DEFAULT_MODEL,
    JOBS,
    MEMORY_LIMIT,
    DEVICE,
    DATASETS_DIR,
    DATASET_UPLOAD_LIMIT,
    STUDY_UPLOAD_LIMIT,
    ADMIN_PASSWORD_FILE,
    TRUSTED_PROXIES,
    HOSTS,
];
/// Bytes of a set that may be uploaded, where nothing is said.
const UPLOAD_LIMIT: u64 = 512 << 20;
/// Bytes of a study's archive that may be uploaded, where nothing is said.
const ARCHIVE_LIMIT: u64 = 4 << 30;

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
    /// Where to listen; port 0 for any free one. Other than loopback addresses need an admin password [default: 127.0.0.1:3000]
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
    /// The largest archive of a study that may be uploaded, as 1GiB or in bytes [default: 4GiB]
    #[arg(long, value_name = "SIZE")]
    pub study_upload_limit: Option<String>,
    /// A file with the admin password, as containers are given it: set at the start, hashed, as `password set` does
    #[arg(long, value_name = "FILE")]
    pub admin_password_file: Option<PathBuf>,
    /// Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed: addresses and networks, with commas between them
    #[arg(long, value_name = "NETWORKS")]
    pub trusted_proxies: Option<String>,
    /// Host names that the server is reached by, besides this machine's own, with commas between them
    #[arg(long, value_name = "NAMES")]
    pub hosts: Option<String>,
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
    /// Bytes of a study's archive that may be uploaded.
    pub study_upload_limit: u64,
    /// A file with the admin password to set at the start.
    pub admin_password_file: Option<PathBuf>,
    pub trusted_proxies: Proxies,
    /// Names that requests may come by besides this machine's own.
    pub hosts: Vec<String>,
}

impl Config {
    /// Whether other machines can reach the server, by its address or through a proxy. Then it must have a password.
    pub fn is_exposed(&self) -> bool {
        !self.address.ip().is_loopback() || !self.trusted_proxies.is_empty() || !self.hosts.is_empty()
    }
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
    let mut upload_limit = |field: &'static str, usual: u64| {
        layers.upload_limit(field, usual).unwrap_or_else(|error| {
            errors.0.extend(error.0);
            usual
        })
    };
    let dataset_upload_limit = upload_limit(DATASET_UPLOAD_LIMIT, UPLOAD_LIMIT);
    let study_upload_limit = upload_limit(STUDY_UPLOAD_LIMIT, ARCHIVE_LIMIT);
    let datasets_dir = layers.path(DATASETS_DIR).unwrap_or_else(|| data_dir.join(DATASETS));
    let trusted_proxies = layers.trusted_proxies().unwrap_or_else(|error| {
        errors.0.extend(error.0);
        Proxies::default()
    });
    let hosts = layers.hosts().unwrap_or_else(|error| {
        errors.0.extend(error.0);
        Vec::new()
    });
    let admin_password_file = layers.path(ADMIN_PASSWORD_FILE);
    let config = Config {
        address,
        data_dir,
        site_dir,
        default_model,
        jobs,
        memory_limit,
        processor,
        datasets_dir,
        dataset_upload_limit,
        study_upload_limit,
        admin_password_file,
        trusted_proxies,
        hosts,
    };
    if errors.0.is_empty() {
        layers.check_password(&config)?;
    }
    errors.into_result(config)
}

/// Reads the password that a file of the configuration holds.
pub fn read_password_file(path: &Path) -> Result<NewPassword, FieldErrors> {
    let refuse = |remedy: String| FieldErrors::one(ADMIN_PASSWORD_FILE, path.display(), remedy);
    // no more than a password needs: the path may be of anything
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(4 * MAX_BYTES as u64).read_to_end(&mut bytes));
    read.map_err(|error| refuse(format!("The file can't be read: {error}. Write the password into it, or leave the setting out.")))?;
    let text = String::from_utf8(bytes).map_err(|_| refuse("The file is not UTF-8 text. Write the password into it.".into()))?;
    NewPassword::new(&text).map_err(|remedy| refuse(format!("{remedy} Write another into the file.")))
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
            (ADMIN_PASSWORD_FILE, serve.admin_password_file.clone().map(OsString::from)),
            (TRUSTED_PROXIES, serve.trusted_proxies.clone().map(OsString::from)),
            (HOSTS, serve.hosts.clone().map(OsString::from)),
            (MEMORY_LIMIT, common.memory_limit.clone().map(OsString::from)),
            (DEVICE, common.device.clone().map(OsString::from)),
            (DATASETS_DIR, common.datasets_dir.clone().map(OsString::from)),
            (STUDY_UPLOAD_LIMIT, serve.study_upload_limit.clone().map(OsString::from)),
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

    fn upload_limit(&self, field: &'static str, usual: u64) -> Result<u64, FieldErrors> {
        let Some(setting) = self.get(field) else { return Ok(usual) };
        let text = setting.value.to_string_lossy();
        match text.parse::<MemorySize>() {
            Ok(MemorySize(bytes)) if bytes >= 1 << 10 => Ok(bytes),
            _ => Err(FieldErrors::one(
                field,
                &text,
                self.said(field, "Write bytes, or a size such as 512MiB, of at least 1 KiB: what an upload may have."),
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
        Ok(address)
    }

    fn trusted_proxies(&self) -> Result<Proxies, FieldErrors> {
        let Some(setting) = self.get(TRUSTED_PROXIES) else { return Ok(Proxies::default()) };
        Proxies::parse(&setting.value.to_string_lossy()).map_err(|wrong| {
            let remedy = "Write the proxies' addresses or networks with commas between them, as in 127.0.0.1,10.0.0.0/8.";
            FieldErrors::one(TRUSTED_PROXIES, wrong, self.said(TRUSTED_PROXIES, remedy))
        })
    }

    fn hosts(&self) -> Result<Vec<String>, FieldErrors> {
        let Some(setting) = self.get(HOSTS) else { return Ok(Vec::new()) };
        let text = setting.value.to_string_lossy().into_owned();
        let names: Vec<_> = text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_lowercase).collect();
        let is_name = |name: &String| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.');
        match names.iter().find(|name| !is_name(name)) {
            None => Ok(names),
            Some(wrong) => {
                let remedy = "Write host names without scheme or port, with commas between them, as in rankscope.example.org.";
                Err(FieldErrors::one(HOSTS, wrong, self.said(HOSTS, remedy)))
            }
        }
    }

    /// Whether there is a password where others can come, and one that can be used where there is one.
    fn check_password(&self, config: &Config) -> Result<(), FieldErrors> {
        if let Some(path) = &config.admin_password_file {
            return read_password_file(path).map(drop);
        }
        let file = PasswordFile::of(&config.data_dir);
        match file.read() {
            Ok(Some(_)) => return Ok(()),
            Ok(None) if !config.is_exposed() => return Ok(()),
            Ok(None) => {}
            Err(error) => {
                let remedy = format!("{error}. Set it again with: rankscope password set.");
                return Err(FieldErrors::one(DATA_DIR, config.data_dir.display(), remedy));
            }
        }
        let (field, value) = if !config.address.ip().is_loopback() {
            (ADDRESS, config.address.to_string())
        } else if !config.trusted_proxies.is_empty() {
            (TRUSTED_PROXIES, self.get(TRUSTED_PROXIES).map_or_else(String::new, |setting| setting.value.to_string_lossy().into_owned()))
        } else {
            (HOSTS, config.hosts.join(","))
        };
        let remedy = format!(
            "Others can come from beyond this machine then, and there is no admin password: whoever came could start studies and read files. \
             Set one with: rankscope password set --data-dir {:?} (in a container: admin_password_file). Or listen on a loopback address, \
             127.0.0.1:3000, and come from another machine by a tunnel: ssh -L 3000:127.0.0.1:3000 HOST.",
            config.data_dir.display().to_string()
        );
        Err(FieldErrors::one(field, value, self.said(field, &remedy)))
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
            (None, None, "trusted_proxies = \"10.0.0.0/99\"", "trusted_proxies", "10.0.0.0/8"),
            (None, None, "hosts = \"https://a.example\"", "hosts", "without scheme"),
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
