//! `rankscope bench`: fine-tunes one model with LoRA at several ranks and in full, and completes prompts with each, as a script
//! with PEFT would do it one after another. What it prints is meant to be put beside what such a script prints.

use super::{Failure, among_workers, complain};
use rand_mt::Mt;
use rankscope_domain::FieldErrors;
use rankscope_engine::{
    ArmTraining, Example, Flow, GenerationOptions, Lora, LoraConfig, Model, Processor, Request, Scheduler, Signal, TrainOptions,
    TrainReport, generate_until, train_full_in_place, train_loras,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::{
    fs,
    io::{Write, stdout},
    path::{Path, PathBuf},
    time::Instant,
};

/// The work, and how it is done.
#[derive(Debug, clap::Args)]
pub(super) struct BenchFlags {
    /// A GGUF file or a Hugging Face directory
    #[arg(long)]
    model: PathBuf,
    /// Training pairs, a JSON object a line: prompt, target
    #[arg(long)]
    pairs: PathBuf,
    /// Prompts to complete, a JSON object a line: prompt
    #[arg(long)]
    prompts: PathBuf,
    /// LoRA ranks
    #[arg(long, value_delimiter = ',', default_value = "2,4,8,16,64")]
    ranks: Vec<usize>,
    /// Leave out full fine-tuning
    #[arg(long)]
    no_full: bool,
    /// Leave out training
    #[arg(long)]
    complete_only: bool,
    /// Each arm by itself, one after another
    #[arg(long)]
    one_by_one: bool,
    /// Threads; absent: one a core
    #[arg(long)]
    threads: Option<usize>,
    /// Pairs to train on, from the first
    #[arg(long, default_value_t = usize::MAX, hide_default_value = true)]
    limit: usize,
    #[arg(long, default_value_t = 10)]
    new_tokens: usize,
    /// Prompts that are completed together, for each arm
    #[arg(long, default_value_t = 16)]
    batch: usize,
    /// Print JSON in place of a table
    #[arg(long)]
    json: bool,
}

impl BenchFlags {
    pub(super) fn wants_json(&self) -> bool {
        self.json
    }
}

#[derive(Deserialize)]
struct Pair {
    prompt: String,
    target: String,
}

#[derive(Deserialize)]
struct Prompt {
    prompt: String,
}

/// One arm's part of a phase: seconds that it took, its share where arms went together.
#[derive(Debug, Default, Serialize)]
struct ArmFigures {
    #[serde(skip_serializing_if = "Option::is_none")]
    train: Option<TrainFigures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    complete: Option<CompleteFigures>,
}

#[derive(Debug, Serialize)]
struct TrainFigures {
    seconds: f64,
    tokens: u64,
    first_loss: f64,
    last_loss: f64,
}

#[derive(Debug, Serialize)]
struct CompleteFigures {
    seconds: f64,
    new_tokens: u64,
    sample: Vec<String>,
}

struct Bench<'a> {
    flags: &'a BenchFlags,
    examples: Vec<Example>,
    prompts: Vec<Vec<u32>>,
    arms: Vec<(String, ArmFigures)>,
    options: TrainOptions,
}

pub(super) fn bench(processor: Processor, flags: &BenchFlags) -> Result<(), Failure> {
    if let Some(threads) = flags.threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global()
            .map_err(|error| FieldErrors::one("--threads", threads, format!("That many threads can't be started: {error}.")))?;
    }
    let pairs: Vec<Pair> = lines("--pairs", &flags.pairs)?;
    let prompts: Vec<Prompt> = lines("--prompts", &flags.prompts)?;
    let began = Instant::now();
    let model =
        Model::open_on(&flags.model, processor).map_err(|error| FieldErrors::one("--model", flags.model.display(), format!("{error}.")))?;
    let load_seconds = began.elapsed().as_secs_f64();
    let encode = |text: &str| model.tokenizer().encode(text, false).map_err(failed);
    let pairs = &pairs[..flags.limit.min(pairs.len())];
    let mut examples = Vec::new();
    for index in shuffled(pairs.len()) {
        examples.push(Example { context: encode(&pairs[index].prompt)?, target: encode(&pairs[index].target)? });
    }
    let mut bench = Bench {
        flags,
        examples,
        prompts: prompts.iter().map(|prompt| encode(&prompt.prompt)).collect::<Result<_, _>>()?,
        arms: Vec::new(),
        options: TrainOptions {
            per_device_train_batch_size: 8,
            scheduler: Scheduler::Constant,
            max_grad_norm: 0.0,
            shuffle: false,
            ..TrainOptions::default()
        },
    };
    among_workers(|| bench.run(model))?;
    bench.report(processor, load_seconds, began.elapsed().as_secs_f64())
}

impl Bench<'_> {
    fn run(&mut self, model: Model) -> Result<(), Failure> {
        let mut loras = Vec::new();
        for &r in &self.flags.ranks {
            let config = LoraConfig { r, lora_alpha: 2.0 * r as f64, use_rslora: false, target_modules: vec!["all-linear".into()] };
            loras.push(Lora::new(&model, &config, 0).map_err(|error| FieldErrors::one("--ranks", r, format!("{error}.")))?);
        }
        if self.flags.one_by_one {
            self.complete(&model, &[], &["original".into()])?;
            for (lora, r) in loras.iter_mut().zip(&self.flags.ranks) {
                let names = [format!("lora-r{r}")];
                self.train(&model, std::slice::from_mut(lora), &names)?;
                self.complete(&model, &[&*lora], &names)?;
            }
        } else {
            let mut names: Vec<String> = self.flags.ranks.iter().map(|r| format!("lora-r{r}")).collect();
            self.train(&model, &mut loras, &names)?;
            names.insert(0, "original".into());
            self.complete(&model, &loras.iter().collect::<Vec<_>>(), &names)?;
        }
        drop(loras);
        if self.flags.no_full {
            return Ok(());
        }
        let names = ["full".to_string()];
        if self.flags.complete_only {
            return self.complete(&model, &[], &names);
        }
        let arm = ArmTraining { learning_rate: 2e-5, weight_decay: 0.0, seed: 0 };
        let began = Instant::now();
        let (trained, report) = train_full_in_place(model, &arm, &self.examples, &self.options, &mut go_on).map_err(failed)?;
        self.keep_training(&names[0], began.elapsed().as_secs_f64(), &report);
        self.complete(&trained, &[], &names)
    }

    /// Trains the adapters together; each gets an equal share of the time.
    fn train(&mut self, model: &Model, loras: &mut [Lora], names: &[String]) -> Result<(), Failure> {
        if self.flags.complete_only || loras.is_empty() {
            return Ok(());
        }
        let arms = vec![ArmTraining { learning_rate: 2e-4, weight_decay: 0.0, seed: 0 }; loras.len()];
        let began = Instant::now();
        let reports = train_loras(model, loras, &arms, &self.examples, &self.options, &mut go_on).map_err(failed)?;
        let seconds = began.elapsed().as_secs_f64() / names.len() as f64;
        for (name, report) in names.iter().zip(reports) {
            self.keep_training(name, seconds, &report.map_err(failed)?);
        }
        Ok(())
    }

    /// Completes every prompt with every arm, greedily: those of `loras`, and before them the model alone where one name more is given.
    fn complete(&mut self, model: &Model, loras: &[&Lora], names: &[String]) -> Result<(), Failure> {
        let alone = names.len() - loras.len();
        let prompts = &self.prompts;
        let requests: Vec<Request> = (0..names.len())
            .flat_map(|arm| prompts.iter().map(move |prompt| Request { prompt: prompt.clone(), lora: arm.checked_sub(alone), seed: 0 }))
            .collect();
        let options = GenerationOptions {
            max_new_tokens: self.flags.new_tokens,
            do_sample: false,
            temperature: 1.0,
            top_p: 1.0,
            top_k: 0,
            batch_size: self.flags.batch * names.len(),
        };
        let began = Instant::now();
        let answers = generate_until(model, loras, &requests, &options, &[], &mut go_on).map_err(failed)?;
        let seconds = began.elapsed().as_secs_f64() / names.len() as f64;
        for (name, answers) in names.iter().zip(answers.chunks(self.prompts.len().max(1))) {
            let sample =
                answers.iter().take(3).map(|answer| model.tokenizer().decode(&answer.tokens).map_err(failed)).collect::<Result<_, _>>()?;
            let new_tokens = answers.iter().map(|answer| answer.tokens.len() as u64).sum();
            self.arm(name).complete = Some(CompleteFigures { seconds, new_tokens, sample });
        }
        Ok(())
    }

    fn arm(&mut self, name: &str) -> &mut ArmFigures {
        let index = self.arms.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            self.arms.push((name.to_string(), ArmFigures::default()));
            self.arms.len() - 1
        });
        &mut self.arms[index].1
    }

    fn keep_training(&mut self, name: &str, seconds: f64, report: &TrainReport) {
        let (first_loss, last_loss) =
            (report.losses.first().copied().unwrap_or(f64::NAN), report.losses.last().copied().unwrap_or(f64::NAN));
        self.arm(name).train = Some(TrainFigures { seconds, tokens: report.tokens, first_loss, last_loss });
    }

    fn report(&self, processor: Processor, load_seconds: f64, total_seconds: f64) -> Result<(), Failure> {
        let work_seconds: f64 = self
            .arms
            .iter()
            .map(|(_, arm)| {
                arm.train.as_ref().map_or(0.0, |train| train.seconds) + arm.complete.as_ref().map_or(0.0, |complete| complete.seconds)
            })
            .sum();
        let peak_rss_mib = peak_rss_mib();
        let mut out = stdout().lock();
        if self.flags.json {
            let mut arms = Map::new();
            for (name, figures) in &self.arms {
                arms.insert(name.clone(), serde_json::to_value(figures).map_err(failed)?);
            }
            let report = json!({
                "program": format!("rankscope {}", env!("CARGO_PKG_VERSION")), "device": processor.to_string(), "threads": rayon::current_num_threads(), "arms": Value::Object(arms),
                "load_seconds": load_seconds, "total_seconds": total_seconds, "work_seconds": work_seconds, "peak_rss_mib": peak_rss_mib,
            });
            writeln!(out, "{report:#}")?;
            return Ok(());
        }
        writeln!(
            out,
            "{:<10} {:>9} {:>9} {:>11} {:>10} {:>10} {:>11}",
            "arm", "train, s", "tokens/s", "first loss", "last loss", "compl., s", "new tok./s"
        )?;
        for (name, arm) in &self.arms {
            write!(out, "{name:<10}")?;
            match &arm.train {
                Some(train) => write!(
                    out,
                    " {:>9.2} {:>9.1} {:>11.4} {:>10.4}",
                    train.seconds,
                    train.tokens as f64 / train.seconds,
                    train.first_loss,
                    train.last_loss
                )?,
                None => write!(out, " {:>9} {:>9} {:>11} {:>10}", "-", "-", "-", "-")?,
            }
            match &arm.complete {
                Some(complete) => writeln!(out, " {:>10.2} {:>11.1}", complete.seconds, complete.new_tokens as f64 / complete.seconds)?,
                None => writeln!(out, " {:>10} {:>11}", "-", "-")?,
            }
        }
        writeln!(
            out,
            "\nwork {work_seconds:.2} s, all {total_seconds:.2} s, loading {load_seconds:.2} s, peak memory {peak_rss_mib} MiB, {} threads",
            rayon::current_num_threads()
        )?;
        Ok(())
    }
}

fn go_on(_: Signal) -> Flow {
    Flow::Continue(())
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::Failed(error.to_string())
}

/// The order that Python's `random.Random(0).shuffle(list(range(count)))` gives, so that both sides see the same batches.
fn shuffled(count: usize) -> Vec<usize> {
    let mut random = Mt::new_with_key([0]);
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        let bits = usize::BITS - (last + 1).leading_zeros();
        let other = loop {
            let drawn = (random.next_u32() >> (32 - bits)) as usize;
            if drawn <= last {
                break drawn;
            }
        };
        order.swap(last, other);
    }
    order
}

fn lines<T: for<'de> Deserialize<'de>>(flag: &str, path: &Path) -> Result<Vec<T>, Failure> {
    let refused = |reason: String| Failure::Input(FieldErrors::one(flag, path.display(), reason));
    let text = fs::read_to_string(path).map_err(|error| refused(format!("The file can't be read: {error}.")))?;
    let parsed: Vec<T> = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(number, line)| serde_json::from_str(line).map_err(|error| refused(format!("Line {}: {error}.", number + 1))))
        .collect::<Result<_, _>>()?;
    if parsed.is_empty() {
        return Err(refused("The file is empty; give at least one line.".into()));
    }
    Ok(parsed)
}

/// Largest resident memory of this process so far.
fn peak_rss_mib() -> u64 {
    // SAFETY: getrusage fills the struct that it is given
    let usage = unsafe {
        let mut usage = std::mem::zeroed::<libc::rusage>();
        if libc::getrusage(libc::RUSAGE_SELF, &mut usage) != 0 {
            complain("the peak of memory can't be read");
        }
        usage
    };
    // Linux counts in KiB
    usage.ru_maxrss as u64 / 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_pythons() {
        // python -c "import random; x = list(range(10)); random.Random(0).shuffle(x); print(x)"
        assert_eq!(shuffled(10), [7, 8, 1, 5, 3, 4, 2, 0, 9, 6]);
        assert_eq!(shuffled(1), [0]);
        assert!(shuffled(0).is_empty());
    }
}
