//! The server's life: from the configuration to the last request.

use crate::{
    accounts::{Accounts, password::PasswordFile},
    backend::StudyBackend,
    config::{self, Config},
    database::Database,
    example,
    executor::{Executor, ExecutorOptions},
    lens_desk::{LensDesk, LensDeskOptions},
    library::Library,
    metrics::Metrics,
    reader::Reader,
    router::router,
    shares::Shares,
    state::AppState,
};
use anyhow::{Context, bail};
use leptos::config::{Env, LeptosOptions};
use rankscope_study::Environment;
use std::{
    fs::{DirBuilder, File, TryLockError},
    future::IntoFuture,
    io::Write,
    net::SocketAddr,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{net::TcpListener, signal::unix};
use tokio_util::sync::CancellationToken;

/// How long open requests may take after the server was told to end.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);
/// How long a worker that was told to stop may take: a step of a large model is slow.
const WORKER_GRACE: Duration = Duration::from_secs(30);

/// Bytes that kept answers of the lens may take: a few hundred.
const LENS_CACHE_LIMIT: u64 = 256 << 20;

/// A server that listens and has not begun to answer.
pub struct Server {
    listener: TcpListener,
    state: AppState,
    site_dir: Option<PathBuf>,
    /// Held while the server is there: two of them would start each study twice.
    _data_dir_lock: File,
}

impl Server {
    /// Opens the data directory and the port, and takes up what an earlier server left.
    pub async fn open(config: Config) -> anyhow::Result<Self> {
        let exposed = config.is_exposed();
        let data_dir = &config.data_dir;
        // what a model completes is its user's own: new directories are for them alone
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(data_dir)
            .with_context(|| format!("data_dir = {:?}: can't be made; choose another with --data-dir", data_dir.display()))?;
        let lock = lock_data_dir(data_dir)?;
        let listener = TcpListener::bind(config.address).await.with_context(|| {
            format!("address = {:?}: can't listen there; choose another with --address (port 0: any free one)", config.address.to_string())
        })?;
        let password = PasswordFile::of(data_dir);
        if let Some(path) = &config.admin_password_file {
            let text = config::read_password_file(path)?;
            password.set_if_other(&text).context("storing the password of admin_password_file")?;
        }
        let address = listener.local_addr().context("the address that was opened")?;

        let example = example::unpack(data_dir).context("unpacking the example study")?;
        let library = Library::open(data_dir, example).context("opening the studies' directory")?;
        let database = Database::open(&data_dir.join("index.sqlite"))
            .with_context(|| format!("{}: can't be opened", data_dir.join("index.sqlite").display()))?;
        clear_up(&library, &database, data_dir).await.context("clearing up what an earlier server left half done")?;
        let reader = Reader::new(library.clone());
        let shutdown = CancellationToken::new();
        // studies that run at once share the machine
        let memory_limit_bytes = config.memory_limit.or_else(|| {
            if config.jobs > 1 { rankscope_study::memory_limit_on(config.processor).map(|bytes| bytes / config.jobs as u64) } else { None }
        });
        let program = std::env::current_exe().context("finding this program's own file")?;
        let options = ExecutorOptions {
            program: program.clone(),
            default_model: config.default_model.clone(),
            memory_limit: memory_limit_bytes,
            processor: config.processor,
            datasets: config.datasets_dir.clone(),
            jobs: config.jobs,
            grace: WORKER_GRACE,
        };
        let executor = Executor::new(options, database.clone(), library.clone(), reader.clone(), shutdown.clone());
        executor.start().await.context("taking up the studies")?;
        let environment = Environment {
            default_model: config.default_model,
            memory_limit_bytes,
            processor: config.processor,
            datasets: config.datasets_dir,
        };
        let desk =
            LensDeskOptions { program, environment: environment.clone(), folder: data_dir.join("lens"), cache_limit: LENS_CACHE_LIMIT };
        let lens_desk =
            LensDesk::new(desk, database.clone(), library.clone(), shutdown.clone()).context("opening the lens's kept answers")?;
        lens_desk.start();
        let accounts = Arc::new(Accounts::new(password, database.clone(), config.trusted_proxies, config.hosts, exposed));
        let upload_limits = (config.dataset_upload_limit, config.study_upload_limit);
        let backend = Arc::new(StudyBackend::new(database, reader, executor, lens_desk, environment, upload_limits, shutdown.clone()));
        let site_root = config.site_dir.as_deref().map_or_else(|| "/nonexistent".into(), |path| path.to_string_lossy().into_owned());
        let leptos_options =
            LeptosOptions::builder().output_name("rankscope").site_root(site_root).site_addr(address).env(Env::PROD).build();
        let state = AppState { backend, accounts, metrics: Metrics::new(), leptos_options, shutdown };
        Ok(Self { listener, state, site_dir: config.site_dir, _data_dir_lock: lock })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.state.leptos_options.site_addr
    }

    /// Answers until `stop`, then ends live streams and waits a moment for open requests. Workers go on.
    pub async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<()> {
        let shutdown = self.state.shutdown.clone();
        let executor = self.state.executor().clone();
        let app = router(self.state, self.site_dir.as_deref());
        let token = shutdown.clone();
        let serving = axum::serve(self.listener, app.into_make_service_with_connect_info::<SocketAddr>())
            .with_graceful_shutdown(async move { token.cancelled().await })
            .into_future();
        let serving = tokio::spawn(serving);
        stop.await;
        let workers = executor.running().await;
        shutdown.cancel();
        if tokio::time::timeout(SHUTDOWN_GRACE, serving).await.is_err() {
            tracing::warn!("some requests did not end in time");
        }
        if workers > 0 {
            tracing::info!("{workers} worker(s) go on in the background; the next `rankscope serve` follows them");
        }
        Ok(())
    }
}

/// Ends deletions and revocations that a kill cut short. Only for who holds the data directory's lock.
async fn clear_up(library: &Library, database: &Database, data_dir: &Path) -> anyhow::Result<()> {
    for id in library.buried() {
        tracing::info!(%id, "its deletion was interrupted: ended now");
        database.finish_removal(&id).await?;
    }
    library.clear_leftovers();
    Shares::new(database.clone(), data_dir).clear_copies().await?;
    Ok(())
}

/// `rankscope serve`
pub async fn serve(config: Config) -> anyhow::Result<()> {
    let no_client = config.site_dir.is_none();
    let no_model = (!config.default_model.is_file()).then(|| config.default_model.clone());
    let data_dir = config.data_dir.clone();
    let in_the_clear = !config.address.ip().is_loopback() && config.trusted_proxies.is_empty();
    let server = Server::open(config).await?;
    if in_the_clear {
        tracing::warn!(
            "other machines can reach this address, and nothing between encrypts: password and pages travel as they are. Put a proxy \
             with https before it, and name it in trusted_proxies"
        );
    }
    if no_client {
        tracing::warn!(
            "the browser client was not found: pages work, but don't follow studies live (`make build` builds it; --site-dir says where it is)"
        );
    }
    if let Some(path) = no_model {
        tracing::warn!("the default model is not at {}: `make model` fetches it; other models can be used", path.display());
    }
    // on stdout, so that a script can read the address; the rest is the log's
    writeln!(std::io::stdout(), "Rankscope is at http://{} (studies in {}; Ctrl-C ends it)", server.address(), data_dir.display())?;
    server.run(stop_signal()).await
}

/// Completes when the process is told to end.
async fn stop_signal() {
    let (Ok(mut interrupt), Ok(mut terminate)) = (unix::signal(unix::SignalKind::interrupt()), unix::signal(unix::SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

fn lock_data_dir(data_dir: &Path) -> anyhow::Result<File> {
    let path = data_dir.join("server.lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("data_dir = {:?}: can't be written; choose another with --data-dir", data_dir.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(
            "data_dir = {:?}: another Rankscope server uses it; use that one, or choose another directory with --data-dir",
            data_dir.display().to_string()
        ),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("{}: can't be locked", path.display())),
    }
}
