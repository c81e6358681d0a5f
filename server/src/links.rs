//! Links to a consultation: its codes in the forms that people click.

use autamedica_api::{ConsultationLinks, JoinCode, JoinLink};

use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::state::AppState;
use crate::store::FreshCodes;

/// The links that hold these codes.
///
/// # Errors
/// When the server's public address can't be part of a link.
pub fn with_codes(state: &AppState, codes: &FreshCodes) -> Result<ConsultationLinks> {
    let link = |code: &Secret| {
        let code = JoinCode::new(code.expose()).map_err(|_| Error::Internal("a fresh code isn't a code"))?;
        JoinLink::new(&state.public_url, code).map_err(|_| Error::Internal("the public address isn't fit for links"))
    };
    let (patient, doctor) = (link(&codes.patient)?, link(&codes.doctor)?);
    Ok(ConsultationLinks {
        patient_link: patient.web(),
        doctor_link: doctor.web(),
        patient_app_link: patient.app(),
        doctor_app_link: doctor.app(),
        kiosk_code: codes.kiosk.expose().to_owned(),
    })
}
